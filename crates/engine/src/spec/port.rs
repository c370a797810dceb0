//! Ports of a container: what it exposes, and where on the host each is published.

use super::invalid::Invalid;
use super::text::serde_as_text;
use std::fmt;
use std::str::FromStr;

/// A port inside the container, written `80/tcp`; without a protocol it is TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The number, 1 to 65535.
    pub number: u16,
    /// The transport.
    pub protocol: Protocol,
}

/// The transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `sctp`
    Sctp,
}

/// Where on the host a port is published, as the user asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct HostPort {
    /// The host's address; empty means every address.
    pub host_ip: String,
    /// The host's port, a range `8000-8010`, or empty or `0` for any free one.
    pub host_port: String,
}

impl Port {
    /// Reads Docker's notation of exposed ports, where a range `7000-7002/udp` names several.
    ///
    /// # Errors
    /// [`Invalid::Port`] when a number or the protocol is not one.
    pub fn parse_range(text: &str) -> Result<Vec<Port>, Invalid> {
        let wrong = || Invalid::Port(text.to_owned());
        let (numbers, protocol) = match text.split_once('/') {
            Some((numbers, protocol)) => (numbers, protocol.parse().map_err(|_| wrong())?),
            None => (text, Protocol::Tcp),
        };
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let first: u16 = first.parse().map_err(|_| wrong())?;
        let last: u16 = last.parse().map_err(|_| wrong())?;
        if first == 0 || last < first {
            return Err(wrong());
        }
        Ok((first..=last).map(|number| Port { number, protocol }).collect())
    }
}

impl HostPort {
    /// The range of host ports to choose from; `None` means any free port.
    ///
    /// # Errors
    /// [`Invalid::HostPort`] when the text is neither a number nor a range.
    pub fn range(&self) -> Result<Option<(u16, u16)>, Invalid> {
        let wrong = || Invalid::HostPort(self.host_port.clone());
        if self.host_port.is_empty() || self.host_port == "0" {
            return Ok(None);
        }
        let (first, last) = self.host_port.split_once('-').unwrap_or((&self.host_port, &self.host_port));
        let first: u16 = first.parse().map_err(|_| wrong())?;
        let last: u16 = last.parse().map_err(|_| wrong())?;
        if first == 0 || last < first {
            return Err(wrong());
        }
        Ok(Some((first, last)))
    }
}

impl FromStr for Port {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match Port::parse_range(text)?.as_slice() {
            [port] => Ok(*port),
            _ => Err(Invalid::Port(text.to_owned())),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

impl FromStr for Protocol {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            "sctp" => Ok(Protocol::Sctp),
            _ => Err(Invalid::Protocol(text.to_owned())),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        })
    }
}

serde_as_text!(Port);
serde_as_text!(Protocol);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_protocol_is_tcp() {
        assert_eq!("80".parse::<Port>().unwrap().to_string(), "80/tcp");
        assert_eq!("53/UDP".parse::<Port>().unwrap().to_string(), "53/udp");
    }

    #[test]
    fn ranges_name_every_port() {
        let ports = Port::parse_range("7000-7002/udp").unwrap();
        assert_eq!(
            ports.iter().map(Port::to_string).collect::<Vec<_>>(),
            ["7000/udp", "7001/udp", "7002/udp"]
        );
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in ["", "0", "65536", "80/ip", "9-8", "a", "-", "80/"] {
            assert!(Port::parse_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn host_ports_are_numbers_ranges_or_any() {
        let of = |text: &str| HostPort { host_ip: String::new(), host_port: text.into() }.range();
        assert_eq!(of("").unwrap(), None);
        assert_eq!(of("0").unwrap(), None);
        assert_eq!(of("8080").unwrap(), Some((8080, 8080)));
        assert_eq!(of("8000-8010").unwrap(), Some((8000, 8010)));
        assert!(of("8010-8000").is_err());
        assert!(of("web").is_err());
    }
}
