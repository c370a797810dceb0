//! Published ports: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

/// The model's → the proto.
pub(super) fn spec(spec: api::EndpointSpec) -> Result<pb::EndpointSpec, Failure> {
    let mode = match spec.mode.as_str() {
        "" | "vip" => pb::EndpointMode::Vip,
        "dnsrr" => pb::EndpointMode::Dnsrr,
        other => {
            return Err(Failure::invalid(format!(
                "invalid EndpointSpec.Mode: \"{other}\": want vip or dnsrr"
            )));
        }
    };
    let ports = spec.ports.into_iter().map(wished).collect::<Result<_, _>>()?;
    Ok(pb::EndpointSpec { mode: mode.into(), ports })
}

fn wished(port: api::EndpointPortConfig) -> Result<pb::PortConfig, Failure> {
    let protocol = match port.protocol.to_ascii_lowercase().as_str() {
        "" | "tcp" => pb::Protocol::Tcp,
        "udp" => pb::Protocol::Udp,
        "sctp" => pb::Protocol::Sctp,
        other => {
            return Err(Failure::invalid(format!("invalid protocol \"{other}\": want tcp, udp or sctp")));
        }
    };
    let publish_mode = match port.publish_mode.as_str() {
        "" | "ingress" => pb::PublishMode::Ingress,
        "host" => pb::PublishMode::Host,
        other => {
            return Err(Failure::invalid(format!("invalid PublishMode: \"{other}\": want ingress or host")));
        }
    };
    Ok(pb::PortConfig {
        name: port.name,
        protocol: protocol.into(),
        target_port: port.target_port,
        published_port: port.published_port,
        publish_mode: publish_mode.into(),
    })
}

/// The proto → the model's.
pub(super) fn told(spec: pb::EndpointSpec) -> api::EndpointSpec {
    let mode = match spec.mode() {
        pb::EndpointMode::Vip => "vip",
        pb::EndpointMode::Dnsrr => "dnsrr",
    };
    api::EndpointSpec { mode: mode.to_owned(), ports: spec.ports.into_iter().map(port).collect() }
}

/// One port, as it is told.
pub(crate) fn port(port: pb::PortConfig) -> api::EndpointPortConfig {
    let protocol = match port.protocol() {
        pb::Protocol::Tcp => "tcp",
        pb::Protocol::Udp => "udp",
        pb::Protocol::Sctp => "sctp",
    };
    let publish_mode = match port.publish_mode() {
        pb::PublishMode::Ingress => "ingress",
        pb::PublishMode::Host => "host",
    };
    api::EndpointPortConfig {
        protocol: protocol.to_owned(),
        publish_mode: publish_mode.to_owned(),
        name: port.name,
        target_port: port.target_port,
        published_port: port.published_port,
    }
}
