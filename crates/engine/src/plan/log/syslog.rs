//! The options of the `syslog` driver. Pure.

use crate::spec::LogInvalid;
use shim::{Peer, SyslogFormat};
use std::net::Ipv6Addr;

const DEFAULT_PORT: u16 = 514;
/// In the order of their numbers, RFC 5424 section 6.2.1; 12 to 15 have no names in Docker.
const FACILITIES: [&str; 12] =
    ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"];
const FIRST_LOCAL: u8 = 16;
const DAEMON: u8 = 3;
const FACILITY_MAX: u8 = 23;

/// How to talk to the server, but for what depends on the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) peer: Peer,
    pub(super) format: SyslogFormat,
    pub(super) facility: u8,
}

impl Default for Options {
    fn default() -> Self {
        Options { peer: Peer::Local, format: SyslogFormat::Unix, facility: DAEMON }
    }
}

impl Options {
    /// Takes one option; false if it is none of syslog's.
    pub(super) fn take(&mut self, key: &str, value: &str) -> Result<bool, LogInvalid> {
        match key {
            "syslog-address" => self.peer = peer(value)?,
            "syslog-facility" => self.facility = facility(value).ok_or(LogInvalid::Facility)?,
            "syslog-format" => self.format = format(value)?,
            // They say nothing without TLS, which the address asks for.
            "syslog-tls-ca-cert" | "syslog-tls-cert" | "syslog-tls-key" | "syslog-tls-skip-verify" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn peer(address: &str) -> Result<Peer, LogInvalid> {
    if address.is_empty() {
        return Ok(Peer::Local);
    }
    let wrong = || LogInvalid::Address(address.to_owned());
    let (scheme, rest) = address.split_once("://").ok_or_else(wrong)?;
    let path = || if rest.starts_with('/') { Ok(rest.into()) } else { Err(wrong()) };
    match scheme {
        "unix" => Ok(Peer::Unix(path()?)),
        "unixgram" => Ok(Peer::Unixgram(path()?)),
        "udp" => Ok(Peer::Udp(host_and_port(rest).ok_or_else(wrong)?)),
        "tcp" => Ok(Peer::Tcp(host_and_port(rest).ok_or_else(wrong)?)),
        "tcp+tls" => Err(LogInvalid::Tls),
        other => Err(LogInvalid::Scheme(other.to_owned())),
    }
}

/// `host`, `host:port`, `[address]`, `[address]:port`, with the port in any case.
fn host_and_port(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, DEFAULT_PORT),
    };
    let inner = host.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
    let sound = match inner {
        Some(address) => address?.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '/', '?', '#', ']']),
    };
    sound.then(|| format!("{host}:{port}"))
}

fn facility(text: &str) -> Option<u8> {
    if text.is_empty() {
        return Some(DAEMON);
    }
    if let Some(number) = FACILITIES.iter().position(|name| *name == text) {
        return u8::try_from(number).ok();
    }
    if let Some(local) = text.strip_prefix("local") {
        let local = local.parse::<u8>().ok().filter(|local| *local <= FACILITY_MAX - FIRST_LOCAL);
        return local.map(|local| FIRST_LOCAL + local);
    }
    text.parse().ok().filter(|number| *number <= FACILITY_MAX)
}

fn format(text: &str) -> Result<SyslogFormat, LogInvalid> {
    match text {
        "" => Ok(SyslogFormat::Unix),
        "rfc3164" => Ok(SyslogFormat::Rfc3164),
        "rfc5424" => Ok(SyslogFormat::Rfc5424),
        "rfc5424micro" => Ok(SyslogFormat::Rfc5424Micro),
        _ => Err(LogInvalid::Format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("", Peer::Local),
            ("udp://10.0.0.1", Peer::Udp("10.0.0.1:514".into())),
            ("tcp://log.example:601", Peer::Tcp("log.example:601".into())),
            ("tcp://[::1]", Peer::Tcp("[::1]:514".into())),
            ("tcp://[::1]:6", Peer::Tcp("[::1]:6".into())),
            ("unixgram:///dev/log", Peer::Unixgram("/dev/log".into())),
        ] {
            assert_eq!(peer(text), Ok(expected), "{text}");
        }
        for wrong in
            ["10.0.0.1", "udp://", "udp://a:b", "udp://::1", "unix://relative", "tcp://a/b", "tcp://[x]"]
        {
            assert!(matches!(peer(wrong), Err(LogInvalid::Address(_))), "{wrong}");
        }
        assert_eq!(peer("ftp://a"), Err(LogInvalid::Scheme("ftp".into())));
        assert_eq!(peer("tcp+tls://a"), Err(LogInvalid::Tls));
    }

    #[test]
    fn facilities() {
        let known = ["", "kern", "daemon", "local0", "local7", "23", "0"].map(facility);
        assert_eq!(known, [3, 0, 3, 16, 23, 23, 0].map(Some));
        assert_eq!(["local8", "24", "x", "-1"].map(facility), [None; 4]);
    }
}
