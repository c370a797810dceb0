//! Published ports: `[ip:][hostPort[-range]:]containerPort[-range][/proto]` and `published=8080,target=80,mode=host`.

use std::net::IpAddr;

use super::FlagError;

/// One published container port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    /// The host's address as the user wrote it; empty for all.
    pub(crate) ip: String,
    /// First and last host port; `None` for any free one.
    pub(crate) host: Option<(u16, u16)>,
    pub(crate) container: u16,
    pub(crate) protocol: String,
    /// `ingress` or `host`, where the long form says it.
    pub(crate) mode: Option<String>,
}

impl Publish {
    /// `80/tcp`.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.container, self.protocol)
    }

    /// The host port as the API wants it: empty for any, `8000-8010` for any of a range.
    pub(crate) fn host_text(&self) -> String {
        match self.host {
            None => String::new(),
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first}-{last}"),
        }
    }
}

/// The ports of one `-p`; several when it names a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published(pub(crate) Vec<Publish>);

/// Reads either form.
pub(crate) fn parse(input: &str) -> Result<Published, FlagError> {
    if input.contains('=') {
        long(input).map(|port| Published(vec![port]))
    } else {
        short(input).map(Published)
    }
}

fn bad(part: &'static str, input: &str) -> FlagError {
    FlagError::Port { part, input: input.to_owned() }
}

fn short(input: &str) -> Result<Vec<Publish>, FlagError> {
    let (address, protocol) = split_protocol(input)?;
    let (rest, container) = match address.rsplit_once(':') {
        Some((rest, container)) => (Some(rest), container),
        None => (None, address),
    };
    let (ip, host) = match rest {
        None => ("", ""),
        Some(rest) => split_ip(rest, input)?,
    };
    let container = range(container).ok_or_else(|| bad("containerPort", container))?;
    if container.0 == 0 {
        return Err(bad("containerPort", input));
    }
    let host = if host.is_empty() { None } else { Some(range(host).ok_or_else(|| bad("hostPort", host))?) };
    spread(input, ip, host, container, &protocol)
}

/// Pairs the ports of two ranges; a host range over one container port means any of them.
fn spread(
    input: &str,
    ip: &str,
    host: Option<(u16, u16)>,
    container: (u16, u16),
    protocol: &str,
) -> Result<Vec<Publish>, FlagError> {
    let count = container.1 - container.0;
    let make = |host, container| Publish {
        ip: ip.to_owned(),
        host,
        container,
        protocol: protocol.to_owned(),
        mode: None,
    };
    match host {
        Some((first, last)) if last - first == count => {
            Ok((0..=count).map(|i| make(Some((first + i, first + i)), container.0 + i)).collect())
        }
        Some(range) if count == 0 => Ok(vec![make(Some(range), container.0)]),
        Some(_) => Err(FlagError::PortRanges { input: input.to_owned() }),
        None => Ok((0..=count).map(|i| make(None, container.0 + i)).collect()),
    }
}

fn split_protocol(input: &str) -> Result<(&str, String), FlagError> {
    let (address, protocol) = input.split_once('/').unwrap_or((input, "tcp"));
    Ok((address, check_protocol(protocol).ok_or_else(|| bad("protocol", protocol))?))
}

fn check_protocol(text: &str) -> Option<String> {
    let protocol = text.to_ascii_lowercase();
    matches!(protocol.as_str(), "tcp" | "udp" | "sctp").then_some(protocol)
}

fn split_ip<'a>(rest: &'a str, input: &str) -> Result<(&'a str, &'a str), FlagError> {
    let Some((ip, host)) = rest.rsplit_once(':') else { return Ok(("", rest)) };
    let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    match bare.parse::<IpAddr>() {
        Ok(_) => Ok((bare, host)),
        Err(_) => Err(bad("IP address", if bare.is_empty() { input } else { bare })),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

fn long(input: &str) -> Result<Publish, FlagError> {
    let mut port =
        Publish { ip: String::new(), host: None, container: 0, protocol: "tcp".to_owned(), mode: None };
    for part in input.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| FlagError::Pair { input: part.to_owned() })?;
        let wrong = |expected| FlagError::KeyValue { key: key.to_owned(), input: input.to_owned(), expected };
        match key.trim() {
            "target" => port.container = value.parse().map_err(|_| wrong("a port from 1 to 65535"))?,
            "published" => {
                let number = value.parse().map_err(|_| wrong("a port from 0 to 65535"))?;
                port.host = (number != 0).then_some((number, number));
            }
            "protocol" => port.protocol = check_protocol(value).ok_or_else(|| wrong("tcp, udp or sctp"))?,
            "mode" => match value {
                "ingress" | "host" => port.mode = Some(value.to_owned()),
                _ => return Err(FlagError::PublishMode { input: value.to_owned() }),
            },
            key => {
                let expected = "target, published, protocol and mode";
                return Err(FlagError::UnknownKey { key: key.to_owned(), input: input.to_owned(), expected });
            }
        }
    }
    if port.container == 0 {
        Err(FlagError::MissingKey { key: "target", input: input.to_owned() })
    } else {
        Ok(port)
    }
}

/// A port that is exposed or looked up: `80`, `80/udp`, `8000-8010`.
pub(crate) fn exposed(input: &str) -> Result<Vec<String>, FlagError> {
    let (ports, protocol) = split_protocol(input)?;
    let (first, last) =
        range(ports).filter(|(first, _)| *first > 0).ok_or_else(|| bad("containerPort", ports))?;
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(input: &str) -> Result<Vec<String>, FlagError> {
        Ok(parse(input)?.0.iter().map(|p| format!("{}|{}|{}", p.ip, p.host_text(), p.key())).collect())
    }

    #[test]
    fn both_forms() {
        let table: [(&str, &[&str]); 11] = [
            ("80", &["||80/tcp"]),
            ("8080:80", &["|8080|80/tcp"]),
            ("53:53/udp", &["|53|53/udp"]),
            ("127.0.0.1:8080:80", &["127.0.0.1|8080|80/tcp"]),
            ("127.0.0.1::80", &["127.0.0.1||80/tcp"]),
            ("[::1]:8080:80/TCP", &["::1|8080|80/tcp"]),
            ("8000-8001:80-81", &["|8000|80/tcp", "|8001|81/tcp"]),
            ("8000-8010:80", &["|8000-8010|80/tcp"]),
            ("80-81", &["||80/tcp", "||81/tcp"]),
            ("published=8080,target=80,mode=host", &["|8080|80/tcp"]),
            ("target=53,protocol=udp", &["||53/udp"]),
        ];
        for (input, want) in table {
            assert_eq!(shown(input).unwrap(), want, "{input}");
        }
        assert_eq!(parse("target=80,mode=host").unwrap().0[0].mode.as_deref(), Some("host"));
    }

    #[test]
    fn errors_name_the_part() {
        let table = [
            ("abc", "invalid containerPort: 'abc'"),
            ("80:99999", "invalid containerPort: '99999'"),
            ("x:80", "invalid hostPort: 'x'"),
            ("1.2.3:80:80", "invalid IP address: '1.2.3'"),
            ("80/foo", "invalid protocol: 'foo'"),
            ("80-82:80-81", "invalid ranges: '80-82:80-81'"),
            ("90-80", "invalid containerPort: '90-80'"),
            ("published=x,target=80", "invalid value for 'published'"),
            ("published=80", "target is required in 'published=80'"),
            ("target=80,mode=x", "invalid publish mode 'x'"),
            ("target=80,foo=x", "unexpected key 'foo'"),
            ("", "invalid containerPort: ''"),
        ];
        for (input, want) in table {
            let got = parse(input).unwrap_err().to_string();
            assert!(got.starts_with(want), "{input}: {got}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(input in "[0-9a-z:./\\[\\]=,-]*") {
            let _ = parse(&input);
        }

        #[test]
        fn ranges_pair_up(first in 1u16..60000, container in 1u16..60000, more in 0u16..50) {
            let input = format!("{first}-{}:{container}-{}", first + more, container + more);
            let ports = parse(&input).unwrap().0;
            prop_assert_eq!(ports.len(), usize::from(more) + 1);
            prop_assert!(ports.iter().all(|p| p.host.unwrap().0 - first == p.container - container));
        }
    }
}
