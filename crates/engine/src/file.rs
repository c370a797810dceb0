//! The files the engine makes for a container: `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`.
//!
//! The texts are made by pure functions; [`write`] replaces a file's content without replacing the file, since
//! running containers have it mounted.

use crate::error::{Error, Result};
use crate::plan::{ExtraHost, HostAddress};
use crate::spec::HostConfig;
use network::Resolver;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

/// How much of the host's resolver configuration is read, in bytes.
const RESOLV_CONF_MAX: usize = 64 << 10;
/// What is asked when the host has no name server that a container could reach; Docker's choice.
const FALLBACK_SERVERS: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

/// Where the embedded server answers, as with Docker.
const EMBEDDED_SERVER: &str = "127.0.0.11";
/// It knows single words: no search domain is tried before them.
const NDOTS: &str = "ndots:0";

const HOSTS_HEAD: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
                          ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// `/etc/hosts`: Docker's head, the extra hosts, the container itself at its addresses.
pub(crate) fn hosts(extra: &[ExtraHost], gateway: Option<IpAddr>, own: &[IpAddr], names: &str) -> String {
    let mut text = HOSTS_HEAD.to_owned();
    for host in extra {
        let address = match host.address {
            HostAddress::Ip(address) => Some(address),
            HostAddress::Gateway => gateway,
        };
        if let Some(address) = address {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{address}\t{}", host.name);
        }
    }
    for address in own {
        let _ = writeln!(text, "{address}\t{names}");
    }
    text
}

/// The container's own names in its hosts file.
pub(crate) fn own_names(hostname: &str, domainname: &str) -> String {
    match domainname {
        "" => hostname.to_owned(),
        domain => format!("{hostname}.{domain} {hostname}"),
    }
}

/// A hosts file with other addresses of the container itself; what else is in it stays.
pub(crate) fn readdress(text: &str, old: &[IpAddr], new: &[IpAddr], names: &str) -> String {
    let is_old = |line: &&str| {
        let (address, rest) = line.split_once('\t').unwrap_or((line, ""));
        rest.trim_end() == names
            && address.parse().is_ok_and(|address: IpAddr| old.contains(&address) && !new.contains(&address))
    };
    let mut changed: String = text.split_inclusive('\n').filter(|line| !is_old(line)).collect();
    if !changed.is_empty() && !changed.ends_with('\n') {
        changed.push('\n');
    }
    for address in new.iter().filter(|address| !old.contains(address)) {
        let _ = writeln!(changed, "{address}\t{names}");
    }
    changed
}

/// Whom a container asks for names: what it says itself, else what the daemon says, else what the host does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dns {
    servers: Vec<String>,
    search: Vec<String>,
    options: Vec<String>,
    /// Whether the servers are the host's own choice.
    from_host: bool,
}

/// What the container finds in its `/etc/resolv.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResolvConf {
    /// In the host's network: what the host has.
    Host,
    /// In a network of its own: the host's loopback servers are out of reach and left out.
    Own,
    /// On a network that somebody made: the embedded server, which asks the others.
    Embedded,
}

impl Dns {
    pub(crate) fn of(host_text: &str, own: &HostConfig, daemon: [&[String]; 3]) -> Dns {
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
        let servers = chosen(&own.dns, daemon[0]);
        let of_host =
            || directive("nameserver").into_iter().filter_map(|mut words| words.drain(..).next()).collect();
        let last = |name: &str| directive(name).pop().unwrap_or_default();
        Dns {
            from_host: servers.is_none(),
            servers: servers.unwrap_or_else(of_host),
            search: chosen(&own.dns_search, daemon[1]).unwrap_or_else(|| last("search")),
            options: chosen(&own.dns_options, daemon[2]).unwrap_or_else(|| last("options")),
        }
    }

    /// The text of the file.
    pub(crate) fn resolv_conf(&self, kind: ResolvConf) -> String {
        let fallback = || FALLBACK_SERVERS.map(String::from).to_vec();
        let (servers, mut options) = (self.servers.clone(), self.options.clone());
        let servers = match kind {
            ResolvConf::Host => servers,
            ResolvConf::Own if !self.from_host => servers,
            ResolvConf::Own => {
                let near: Vec<String> = servers.into_iter().filter(|server| !is_loopback(server)).collect();
                if near.is_empty() { fallback() } else { near }
            }
            ResolvConf::Embedded => {
                if !options.iter().any(|option| option.starts_with("ndots:")) {
                    options.push(NDOTS.to_owned());
                }
                vec![EMBEDDED_SERVER.to_owned()]
            }
        };
        let mut text = String::new();
        for server in servers {
            let _ = writeln!(text, "nameserver {server}");
        }
        // A single dot asks for no search domain at all.
        if !self.search.is_empty() && self.search != ["."] {
            let _ = writeln!(text, "search {}", self.search.join(" "));
        }
        if !options.is_empty() {
            let _ = writeln!(text, "options {}", options.join(" "));
        }
        text
    }

    /// The same for the embedded server.
    pub(crate) fn resolver(&self) -> Resolver {
        // An address of the link may name its interface, which means nothing in another namespace.
        let address = |text: &String| text.split('%').next().and_then(|text| text.parse().ok());
        let mut servers: Vec<IpAddr> = self.servers.iter().filter_map(address).collect();
        if servers.is_empty() && self.from_host {
            servers = FALLBACK_SERVERS.iter().filter_map(|text| text.parse().ok()).collect();
        }
        Resolver {
            servers,
            search: self.search.iter().filter(|domain| *domain != ".").cloned().collect(),
            options: self.options.clone(),
            from_host: self.from_host,
        }
    }
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
    fn hosts_have_the_containers_addresses_last() {
        let extra = [
            ExtraHost { name: "db".into(), address: HostAddress::Ip("10.1.1.1".parse().unwrap()) },
            ExtraHost { name: "host.docker.internal".into(), address: HostAddress::Gateway },
        ];
        let gateway = Some("172.17.0.1".parse().unwrap());
        let own = ["172.17.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        let names = own_names("web", "example.org");
        let text = hosts(&extra, gateway, &own, &names);
        let tail: Vec<_> = text.lines().skip(6).collect();
        let first = ["10.1.1.1\tdb", "172.17.0.1\thost.docker.internal"];
        assert_eq!(tail[..2], first);
        assert_eq!(tail[2..], ["172.17.0.2\tweb.example.org web", "fd00::2\tweb.example.org web"]);

        let mine = format!("{text}10.9.9.9\tmine # by hand\n");
        let moved =
            readdress(&mine, &own, &["fd00::2".parse().unwrap(), "10.0.0.7".parse().unwrap()], &names);
        let tail: Vec<_> = moved.lines().skip(8).collect();
        assert_eq!(
            tail,
            ["fd00::2\tweb.example.org web", "10.9.9.9\tmine # by hand", "10.0.0.7\tweb.example.org web"]
        );
        assert_eq!(own_names("web", ""), "web");
    }

    const NONE: [&[String]; 3] = [&[], &[], &[]];

    #[test]
    fn loopback_servers_are_left_out_where_they_are_out_of_reach() {
        let host = "# comment\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.2\nsearch a b\noptions edns0\n";
        let dns = Dns::of(host, &HostConfig::default(), NONE);
        assert_eq!(dns.resolv_conf(ResolvConf::Own), "nameserver 10.0.0.2\nsearch a b\noptions edns0\n");
        assert!(dns.resolv_conf(ResolvConf::Host).contains("127.0.0.53"));
        let alone = Dns::of("nameserver 127.0.0.1", &HostConfig::default(), NONE);
        assert!(alone.resolv_conf(ResolvConf::Own).contains("8.8.8.8"));
        assert!(Dns::of("", &HostConfig::default(), NONE).resolver().servers.len() == 2);
    }

    #[test]
    fn the_embedded_server_stands_before_those_it_asks() {
        let host = "nameserver 127.0.0.53\nnameserver fe80::1%eth0\nsearch a b\noptions edns0\n";
        let dns = Dns::of(host, &HostConfig::default(), NONE);
        assert_eq!(
            dns.resolv_conf(ResolvConf::Embedded),
            "nameserver 127.0.0.11\nsearch a b\noptions edns0 ndots:0\n"
        );
        let resolver = dns.resolver();
        assert_eq!(resolver.servers, ["127.0.0.53".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
        assert!(resolver.from_host);
        let own = HostConfig { dns_options: vec!["ndots:3".into()], ..HostConfig::default() };
        let text = Dns::of(host, &own, NONE).resolv_conf(ResolvConf::Embedded);
        assert!(text.ends_with("options ndots:3\n"), "{text}");
    }

    #[test]
    fn the_container_wins_over_the_daemon_and_the_daemon_over_the_host() {
        let host = "nameserver 10.0.0.2\nsearch host\n";
        let daemon = ["1.1.1.1".to_owned()];
        let daemon: [&[String]; 3] = [&daemon, &[], &[]];
        let mut own = HostConfig::default();
        let text = Dns::of(host, &own, daemon).resolv_conf(ResolvConf::Own);
        assert!(text.starts_with("nameserver 1.1.1.1\nsearch host"), "{text}");
        own.dns = vec!["9.9.9.9".into()];
        own.dns_search = vec![".".into()];
        let dns = Dns::of(host, &own, daemon);
        assert_eq!(dns.resolv_conf(ResolvConf::Own), "nameserver 9.9.9.9\n");
        assert!(!dns.resolver().from_host && dns.resolver().search.is_empty());
    }
}
