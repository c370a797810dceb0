//! The files the engine makes for a container: `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`.
//!
//! The texts are made by pure functions; [`write`] replaces a file's content without replacing the file, since
//! running containers have it mounted.

use crate::error::{Error, Result};
use crate::plan::{ExtraHost, HostAddress};
use crate::spec::HostConfig;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// How much of the host's resolver configuration is read, in bytes.
const RESOLV_CONF_MAX: usize = 64 << 10;
/// What is asked when the host has no name server that a container could reach; Docker's choice.
const FALLBACK_SERVERS: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

const HOSTS_HEAD: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
                          ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// `/etc/hosts`: Docker's head, the extra hosts, the container itself at its address.
pub(crate) fn hosts(
    extra: &[ExtraHost],
    gateway: Option<Ipv4Addr>,
    own: Option<(Ipv4Addr, &str, &str)>,
) -> String {
    let mut text = HOSTS_HEAD.to_owned();
    for host in extra {
        let address = match host.address {
            HostAddress::Ip(address) => Some(address),
            HostAddress::Gateway => gateway.map(IpAddr::V4),
        };
        if let Some(address) = address {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{address}\t{}", host.name);
        }
    }
    if let Some((address, hostname, domainname)) = own {
        let _ = match domainname {
            "" => writeln!(text, "{address}\t{hostname}"),
            domain => writeln!(text, "{address}\t{hostname}.{domain} {hostname}"),
        };
    }
    text
}

/// `/etc/resolv.conf`: what the container asks for, else what the daemon says, else the host's. With a network namespace
/// of its own the host's loopback servers are out of reach and left out.
pub(crate) fn resolv_conf(
    host_text: &str,
    own: &HostConfig,
    daemon: [&[String]; 3],
    own_network: bool,
) -> String {
    let directive = |name: &str| {
        let lines = host_text.lines().filter_map(move |line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(name)).then(|| words.map(str::to_owned).collect::<Vec<_>>())
        });
        lines.collect::<Vec<_>>()
    };
    let chosen = |own: &[String], daemon: &[String]| match (own, daemon) {
        ([], []) => None,
        ([], daemon) => Some(daemon.to_vec()),
        (own, _) => Some(own.to_vec()),
    };
    let servers = chosen(&own.dns, daemon[0]).unwrap_or_else(|| {
        let mut servers: Vec<String> =
            directive("nameserver").into_iter().filter_map(|mut w| w.drain(..).next()).collect();
        if own_network {
            servers.retain(|server| !is_loopback(server));
            if servers.is_empty() {
                servers = FALLBACK_SERVERS.map(String::from).to_vec();
            }
        }
        servers
    });
    let search =
        chosen(&own.dns_search, daemon[1]).unwrap_or_else(|| directive("search").pop().unwrap_or_default());
    let options =
        chosen(&own.dns_options, daemon[2]).unwrap_or_else(|| directive("options").pop().unwrap_or_default());
    let mut text = String::new();
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    // A single dot asks for no search domain at all.
    if !search.is_empty() && search != ["."] {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    if !options.is_empty() {
        let _ = writeln!(text, "options {}", options.join(" "));
    }
    text
}

fn is_loopback(server: &str) -> bool {
    let address = server.split('%').next().unwrap_or(server);
    address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The host's resolver configuration; none is as good as an empty one.
pub(crate) fn read_host_resolv_conf(path: &Path) -> String {
    let mut text = std::fs::read(path).unwrap_or_default();
    text.truncate(RESOLV_CONF_MAX);
    String::from_utf8_lossy(&text).into_owned()
}

/// Sets the content of a file that may be mounted already.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fault::point("write network file");
    std::fs::write(path, text).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_the_containers_address_last() {
        let extra = [
            ExtraHost { name: "db".into(), address: HostAddress::Ip("10.1.1.1".parse().unwrap()) },
            ExtraHost { name: "host.docker.internal".into(), address: HostAddress::Gateway },
        ];
        let gateway = Some("172.17.0.1".parse().unwrap());
        let text = hosts(&extra, gateway, Some(("172.17.0.2".parse().unwrap(), "web", "example.org")));
        let tail: Vec<_> = text.lines().skip(6).collect();
        assert_eq!(
            tail,
            ["10.1.1.1\tdb", "172.17.0.1\thost.docker.internal", "172.17.0.2\tweb.example.org web"]
        );
    }

    #[test]
    fn loopback_servers_are_left_out_where_they_are_out_of_reach() {
        let host = "# comment\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.2\nsearch a b\noptions edns0\n";
        let own = HostConfig::default();
        let text = resolv_conf(host, &own, [&[], &[], &[]], true);
        assert_eq!(text, "nameserver 10.0.0.2\nsearch a b\noptions edns0\n");
        assert!(resolv_conf(host, &own, [&[], &[], &[]], false).contains("127.0.0.53"));
        assert!(resolv_conf("nameserver 127.0.0.1", &own, [&[], &[], &[]], true).contains("8.8.8.8"));
    }

    #[test]
    fn the_container_wins_over_the_daemon_and_the_daemon_over_the_host() {
        let host = "nameserver 10.0.0.2\nsearch host\n";
        let daemon = ["1.1.1.1".to_owned()];
        let mut own = HostConfig::default();
        assert!(
            resolv_conf(host, &own, [&daemon, &[], &[]], true).starts_with("nameserver 1.1.1.1\nsearch host")
        );
        own.dns = vec!["9.9.9.9".into()];
        own.dns_search = vec![".".into()];
        assert_eq!(resolv_conf(host, &own, [&daemon, &[], &[]], true), "nameserver 9.9.9.9\n");
    }
}
