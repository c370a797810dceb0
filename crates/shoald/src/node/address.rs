//! The addresses a node listens on and is reached at: from what the user typed, or found out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use rest::NodeError;

/// What an address to listen on must be, in Docker's words.
const LISTEN: &str = "listen address must be an IP address or network interface (with optional port number)";
/// What an address to advertise must be.
const ADVERTISE: &str =
    "advertise address must be a non-zero IP address or network interface (with optional port number)";
/// The port of the managers, by Docker's convention.
const SWARM_PORT: u16 = 2377;

/// Where to listen: `address[:port]`, `interface[:port]`, or nothing for every address.
pub(super) fn listen(text: &str) -> Result<SocketAddr, NodeError> {
    if text.is_empty() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SWARM_PORT));
    }
    parse(text, SWARM_PORT, LISTEN)
}

/// Where others reach this node: as told, else as the daemon is configured, else its listen address, else the
/// machine's only address.
pub(super) fn advertise(asked: &str, configured: &str, listen: SocketAddr) -> Result<SocketAddr, NodeError> {
    let text = if asked.is_empty() { configured } else { asked };
    if !text.is_empty() {
        let address = parse(text, listen.port(), ADVERTISE)?;
        let is_of_nobody = address.ip().is_unspecified() || address.ip().is_multicast();
        // Port zero is one to be found, which only what listens knows.
        if is_of_nobody || address.port() == 0 && listen.port() != 0 {
            return Err(invalid(text, ADVERTISE));
        }
        return Ok(address);
    }
    if !listen.ip().is_unspecified() {
        return Ok(listen);
    }
    Ok(SocketAddr::new(only_address()?, listen.port()))
}

/// Where overlay networks' traffic goes: an address or an interface, without a port. Nothing for the advertised one.
pub(super) fn data_path(text: &str) -> Result<Option<IpAddr>, NodeError> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = || {
        NodeError::Invalid(format!(
            "data path address must be a non-zero IP address or network interface (without a port number): {text:?}"
        ))
    };
    let address = parse(text, SWARM_PORT, "").map_err(|_| invalid())?;
    let has_port = text.parse::<SocketAddr>().is_ok() || address.port() != SWARM_PORT;
    if has_port || address.ip().is_unspecified() { Err(invalid()) } else { Ok(Some(address.ip())) }
}

/// A manager to call: `host[:port]`.
pub(super) fn remote(text: &str) -> String {
    if text.parse::<SocketAddr>().is_ok() {
        return text.to_owned();
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return SocketAddr::new(ip, SWARM_PORT).to_string();
    }
    // A port that is none is not mended by another one behind it: it is refused when it is called.
    let has_port = text.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    if has_port { text.to_owned() } else { format!("{text}:{SWARM_PORT}") }
}

/// `must` says what `text` must be.
fn parse(text: &str, port: u16, must: &str) -> Result<SocketAddr, NodeError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, number)) => match number.parse() {
            Ok(number) => (name, number),
            Err(_) => return Err(invalid(text, must)),
        },
        None => (text, port),
    };
    let mut addresses = interface_addresses(|interface| interface == name)?;
    // An interface that has both families is meant by its IPv4 address, as Docker decides.
    addresses.sort_by_key(|address| !address.is_ipv4());
    match addresses.first() {
        Some(ip) => Ok(SocketAddr::new(*ip, port)),
        None => Err(invalid(text, must)),
    }
}

fn invalid(text: &str, must: &str) -> NodeError {
    NodeError::Invalid(format!("{must}: {text:?}"))
}

/// The one IPv4 address this machine has besides loopback.
fn only_address() -> Result<IpAddr, NodeError> {
    let mut addresses = interface_addresses(|interface| !is_ours(interface))?;
    addresses.retain(|address| address.is_ipv4() && !address.is_loopback());
    match addresses.as_slice() {
        [one] => Ok(*one),
        [] => Err(NodeError::Invalid(
            "could not find the system's IP address: specify one with --advertise-addr".to_owned(),
        )),
        several => {
            let list: Vec<String> = several.iter().map(IpAddr::to_string).collect();
            Err(NodeError::Invalid(format!(
                "could not choose an IP address to advertise since this system has multiple addresses ({}): specify one with --advertise-addr",
                list.join(", ")
            )))
        }
    }
}

/// Bridges of container engines carry addresses that no other machine reaches.
fn is_ours(interface: &str) -> bool {
    ["shoal", "docker", "br-", "veth"].iter().any(|prefix| interface.starts_with(prefix))
}

fn interface_addresses(wanted: impl Fn(&str) -> bool) -> Result<Vec<IpAddr>, NodeError> {
    let all =
        getifaddrs().map_err(|error| NodeError::Internal(format!("cannot list the interfaces: {error}")))?;
    Ok(all
        .filter(|entry| entry.flags.contains(InterfaceFlags::IFF_UP) && wanted(&entry.interface_name))
        .filter_map(|entry| {
            let address = entry.address?;
            match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
                (_, Some(v6)) if !v6.ip().is_unicast_link_local() => Some(IpAddr::V6(v6.ip())),
                _ => None,
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        assert_eq!(listen("").unwrap().to_string(), "0.0.0.0:2377");
        assert_eq!(listen("127.0.0.1").unwrap().to_string(), "127.0.0.1:2377");
        assert_eq!(listen("127.0.0.1:99").unwrap().to_string(), "127.0.0.1:99");
        assert_eq!(listen("[::1]:99").unwrap().to_string(), "[::1]:99");
        assert_eq!(listen("lo:98").unwrap().to_string(), "127.0.0.1:98");
        assert!(listen("no-such-interface").unwrap_err().to_string().contains("no-such-interface"));
        assert!(listen("lo:many").is_err());
    }

    #[test]
    fn advertise_addresses() {
        let any: SocketAddr = "0.0.0.0:5".parse().unwrap();
        assert_eq!(advertise("10.0.0.1", "10.0.0.2", any).unwrap().to_string(), "10.0.0.1:5");
        assert_eq!(advertise("", "10.0.0.2:7", any).unwrap().to_string(), "10.0.0.2:7");
        assert_eq!(advertise("", "", "10.0.0.3:5".parse().unwrap()).unwrap().to_string(), "10.0.0.3:5");
        for bad in ["0.0.0.0", "224.0.0.1", "10.0.0.1:0", "10.0.0.1:99999"] {
            assert!(advertise(bad, "", any).unwrap_err().to_string().contains(bad));
        }
    }

    #[test]
    fn data_path_addresses() {
        assert_eq!(data_path("").unwrap(), None);
        assert_eq!(data_path("10.0.0.1").unwrap(), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(data_path("lo").unwrap(), Some("127.0.0.1".parse().unwrap()));
        for bad in ["10.0.0.1:5", "lo:5", "0.0.0.0", "no-such-interface"] {
            assert!(data_path(bad).unwrap_err().to_string().contains("without a port number"), "{bad}");
        }
    }

    #[test]
    fn remote_addresses() {
        for (text, expected) in [
            ("10.0.0.1", "10.0.0.1:2377"),
            ("10.0.0.1:9", "10.0.0.1:9"),
            ("::1", "[::1]:2377"),
            ("[::1]:9", "[::1]:9"),
            ("host", "host:2377"),
            ("host:9", "host:9"),
            ("10.0.0.1:99999", "10.0.0.1:99999"),
            ("fe80::1%eth0", "fe80::1%eth0:2377"),
        ] {
            assert_eq!(remote(text), expected);
        }
    }
}
