//! Where the daemon is: `-H`, `SHOAL_HOST`, `DOCKER_HOST`, or the default socket.

use std::path::PathBuf;

use thiserror::Error;

/// Where `shoald` listens unless told otherwise.
pub(crate) const DEFAULT_HOST: &str = "unix:///run/shoal/shoal.sock";
/// The port of `tcp://` without and with TLS, when none is given.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// An address that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HostError {
    #[error(
        "unable to resolve the daemon's address: '{input}': unix:///path, tcp://host[:port] or ssh://[user@]host[:port] is expected"
    )]
    Format { input: String },
    #[error("unable to resolve the daemon's address: '{input}': specify one -H only")]
    Several { input: String },
}

/// The daemon's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Unix(PathBuf),
    Tcp {
        name: String,
        port: u16,
    },
    /// Through the system's `ssh`; `path` is the daemon's socket there, if it is not the usual one.
    Ssh {
        user: Option<String>,
        name: String,
        port: Option<u16>,
        path: Option<String>,
    },
}

impl Host {
    /// Reads an address; `tls` decides the port where none is given.
    pub(crate) fn parse(input: &str, tls: bool) -> Result<Self, HostError> {
        let bad = || HostError::Format { input: input.to_owned() };
        let (scheme, rest) = input.split_once("://").unwrap_or(("tcp", input));
        match scheme {
            "unix" if rest.is_empty() => Self::parse(DEFAULT_HOST, tls),
            "unix" => Ok(Self::Unix(PathBuf::from(rest))),
            "tcp" | "http" | "https" => {
                let address = rest.trim_end_matches('/');
                let default = if tls || scheme == "https" { TLS_PORT } else { PORT };
                let (name, port) = match address.rsplit_once(':') {
                    // An IPv6 address without a port has colons of its own.
                    Some((name, port))
                        if !port.ends_with(']') && (!name.contains(':') || name.starts_with('[')) =>
                    {
                        (name, port.parse().map_err(|_| bad())?)
                    }
                    _ => (address, default),
                };
                let name = name.trim_start_matches('[').trim_end_matches(']');
                if name.contains('/') || name.contains(char::is_whitespace) {
                    return Err(bad());
                }
                let name = if name.is_empty() { "127.0.0.1" } else { name };
                Ok(Self::Tcp { name: name.to_owned(), port })
            }
            "ssh" => ssh(rest).ok_or_else(bad),
            _ => Err(bad()),
        }
    }
}

/// `[user@]host[:port][/path of the socket]`. A password has no place here, and nothing may pass for an option.
fn ssh(rest: &str) -> Option<Host> {
    let (address, path) = match rest.split_once('/') {
        Some((address, path)) => (address, Some(format!("/{path}")).filter(|path| path != "/")),
        None => (rest, None),
    };
    let (user, place) = match address.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, address),
    };
    let (name, port) = match place.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port.parse().ok()?)),
        _ => (place, None),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let good = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let sound = good(&name) && user.as_ref().is_none_or(|user| good(user) && !user.contains(':'));
    sound.then_some(Host::Ssh { user, name, port, path })
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { name, port } if name.contains(':') => write!(f, "tcp://[{name}]:{port}"),
            Self::Tcp { name, port } => write!(f, "tcp://{name}:{port}"),
            Self::Ssh { user, name, port, path } => {
                let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                write!(f, "ssh://{user}{name}{port}{}", path.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let table = [
            ("unix:///run/x.sock", false, "unix:///run/x.sock"),
            ("unix://", false, DEFAULT_HOST),
            ("tcp://h:1234", false, "tcp://h:1234"),
            ("tcp://h", false, "tcp://h:2375"),
            ("tcp://h", true, "tcp://h:2376"),
            ("tcp://", false, "tcp://127.0.0.1:2375"),
            (":2375", false, "tcp://127.0.0.1:2375"),
            ("h:1", false, "tcp://h:1"),
            ("tcp://[::1]:7/", false, "tcp://[::1]:7"),
            ("tcp://[::1]", false, "tcp://[::1]:2375"),
            ("ssh://me@h:22", false, "ssh://me@h:22"),
        ];
        for (input, tls, want) in table {
            assert_eq!(Host::parse(input, tls).unwrap().to_string(), want, "{input}");
        }
        for input in ["foo://x", "tcp://h:x", "tcp://h:99999", "ssh://", "tcp://h/path"] {
            assert!(
                Host::parse(input, false).unwrap_err().to_string().contains(&format!("'{input}'")),
                "{input}"
            );
        }
    }
}
