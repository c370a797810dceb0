//! Ports of tasks, between the swarm's words and the engine's.

use engine::Record;
use engine::spec::{self, HostPort};
use swarm_api::pb;

/// A transport in the network room's words.
pub(super) fn protocol(protocol: pb::Protocol) -> Option<network::Protocol> {
    match protocol {
        pb::Protocol::Tcp => Some(network::Protocol::Tcp),
        pb::Protocol::Udp => Some(network::Protocol::Udp),
        pb::Protocol::Sctp => Some(network::Protocol::Sctp),
    }
}

/// The ports of the task's service that are published on the node itself.
pub(super) fn host_mode(task: &pb::Task) -> impl Iterator<Item = &pb::PortConfig> {
    let ports = task.endpoint.as_ref().map_or(&[][..], |endpoint| &endpoint.ports);
    ports.iter().filter(|port| port.publish_mode() == pb::PublishMode::Host)
}

/// A port of the task as the engine writes it.
pub(super) fn container_port(port: &pb::PortConfig) -> Option<spec::Port> {
    let protocol = match port.protocol() {
        pb::Protocol::Tcp => spec::Protocol::Tcp,
        pb::Protocol::Udp => spec::Protocol::Udp,
        pb::Protocol::Sctp => spec::Protocol::Sctp,
    };
    Some(spec::Port { number: u16::try_from(port.target_port).ok()?, protocol })
}

/// Where a host-mode port is to be published: on every address; on a free port if none is named.
pub(super) fn host_port(port: &pb::PortConfig) -> HostPort {
    let host_port = match port.published_port {
        0 => String::new(),
        number => number.to_string(),
    };
    HostPort { host_ip: String::new(), host_port }
}

/// The task's host-mode ports with the numbers that were bound.
pub(super) fn bound(task: &pb::Task, record: &Record) -> Vec<pb::PortConfig> {
    let bound = |port: &pb::PortConfig| {
        let wanted = protocol(port.protocol())?;
        record
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.ports)
            .find(|bound| bound.protocol == wanted && u32::from(bound.container_port) == port.target_port)
    };
    host_mode(task)
        .filter_map(|port| {
            let number = bound(port)?.host_port;
            Some(pb::PortConfig { published_port: u32::from(number), ..port.clone() })
        })
        .collect()
}
