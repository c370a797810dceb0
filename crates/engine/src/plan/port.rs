//! Which ports are published, in the network's words.

use crate::spec::{ContainerSpec, HostPort, Invalid, Port, Protocol};
use network::PortBinding;
use std::net::IpAddr;

/// The bindings of `PortBindings`, and with `PublishAllPorts` one for every other exposed port.
pub(crate) fn plan(spec: &ContainerSpec) -> Result<Vec<PortBinding>, Invalid> {
    let host = &spec.host;
    let mut bindings = Vec::new();
    for (port, wanted) in &host.port_bindings {
        if wanted.is_empty() {
            bindings.push(bind(*port, &HostPort::default())?);
        }
        for host_port in wanted {
            bindings.push(bind(*port, host_port)?);
        }
    }
    if host.publish_all_ports {
        for port in spec.config.exposed_ports.iter().filter(|port| !host.port_bindings.contains_key(port)) {
            bindings.push(bind(*port, &HostPort::default())?);
        }
    }
    Ok(bindings)
}

fn bind(port: Port, wanted: &HostPort) -> Result<PortBinding, Invalid> {
    let protocol = match port.protocol {
        Protocol::Tcp => network::Protocol::Tcp,
        Protocol::Udp => network::Protocol::Udp,
        Protocol::Sctp => network::Protocol::Sctp,
    };
    let host_ip = match wanted.host_ip.as_str() {
        "" => None,
        text => Some(text.parse::<IpAddr>().map_err(|_| Invalid::HostIp(text.to_owned()))?),
    };
    let host_port = match wanted.range()? {
        None => network::HostPort::Ephemeral,
        Some((first, last)) => network::HostPort::Range { first, last },
    };
    Ok(PortBinding { container_port: port.number, protocol, host_ip, host_port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_exposed_ports_but_those_bound_already() {
        let mut spec = ContainerSpec::default();
        spec.host.publish_all_ports = true;
        spec.config.exposed_ports = ["80".parse().unwrap(), "53/udp".parse().unwrap()].into();
        let wanted = HostPort { host_ip: "127.0.0.1".into(), host_port: "8080".into() };
        spec.host.port_bindings.insert("80/tcp".parse().unwrap(), vec![wanted]);
        let plan = plan(&spec).unwrap();
        assert_eq!(plan.len(), 2);
        assert_eq!(plan[0].host_port, network::HostPort::Range { first: 8080, last: 8080 });
        assert_eq!(plan[1].host_port, network::HostPort::Ephemeral);
    }
}
