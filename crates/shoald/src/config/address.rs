//! Where the daemon listens: `-H unix://PATH`, `-H tcp://ADDRESS:PORT`, and `-H fd://` for sockets that are handed to it.

use std::path::PathBuf;
use std::str::FromStr;

use super::error::ConfigError;

/// Docker's ports for TCP without and with TLS.
const TCP_PORT: u16 = 2375;

/// One place to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listen {
    /// A unix socket at this path.
    Unix(PathBuf),
    /// `host:port`; the host may be a name.
    Tcp(String),
    /// Sockets that the service supervisor opened.
    Given(Which),
}

/// Which of the sockets that were handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// `fd://` and `fd://*`.
    All,
    /// `fd://NUMBER`: the descriptor; the first that can be handed over is 3.
    Number(usize),
    /// `fd://NAME`: those whose unit gives them this name.
    Name(String),
}

impl FromStr for Listen {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ConfigError::Value {
            key: "hosts",
            value: format!("{text:?}"),
            expected: "unix:///path/of.sock, tcp://address:port or fd://",
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(wrong()) };
        }
        if let Some(which) = text.strip_prefix("fd://") {
            return match (which, which.parse()) {
                ("" | "*", _) => Ok(Self::Given(Which::All)),
                (_, Ok(number)) => Ok(Self::Given(Which::Number(number))),
                (name, Err(_)) => Ok(Self::Given(Which::Name(name.to_owned()))),
            };
        }
        let rest = text.strip_prefix("tcp://").ok_or_else(wrong)?.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !rest.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, TCP_PORT),
        };
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        Ok(Self::Tcp(format!("{host}:{port}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let tcp = |s: &str| Listen::Tcp(s.to_owned());
        for (text, expected) in [
            ("unix:///a/b", Listen::Unix("/a/b".into())),
            ("tcp://0.0.0.0:99", tcp("0.0.0.0:99")),
            ("tcp://:99", tcp("127.0.0.1:99")),
            ("tcp://[::1]:7", tcp("[::1]:7")),
            ("tcp://[::1]", tcp("[::1]:2375")),
            ("tcp://host", tcp("host:2375")),
            ("fd://", Listen::Given(Which::All)),
            ("fd://*", Listen::Given(Which::All)),
            ("fd://3", Listen::Given(Which::Number(3))),
            ("fd://shoal.socket", Listen::Given(Which::Name("shoal.socket".to_owned()))),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap(), expected, "{text}");
        }
        for text in ["", "unix://relative", "tcp://a:b", "/run/x.sock"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
