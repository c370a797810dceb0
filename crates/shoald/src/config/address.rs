//! Where the daemon listens: `-H unix://PATH` and `-H tcp://ADDRESS:PORT`.

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
}

impl FromStr for Listen {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ConfigError::Value {
            key: "hosts",
            value: format!("{text:?}"),
            expected: "unix:///path/of.sock or tcp://address:port",
        };
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(wrong()) };
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
        ] {
            assert_eq!(text.parse::<Listen>().unwrap(), expected, "{text}");
        }
        for text in ["", "fd://", "unix://relative", "tcp://a:b", "/run/x.sock"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
