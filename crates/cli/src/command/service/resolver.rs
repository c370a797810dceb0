//! How a service finds addresses: name servers, and entries of its hosts file.

use clap::Args;
use serde_json::{Value, json};

use super::edit::texts;
use super::spec::at;
use crate::flag::host;

const HOSTS: [&str; 3] = ["TaskTemplate", "ContainerSpec", "Hosts"];

/// Flags of `service create`.
#[derive(Debug, Args)]
pub(super) struct Resolver {
    /// Set custom DNS servers
    #[arg(long, value_name = "list")]
    dns: Vec<String>,
    /// Set DNS options
    #[arg(long, value_name = "list")]
    dns_option: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "list")]
    dns_search: Vec<String>,
    /// Set one or more custom host-to-IP mappings (host:ip)
    #[arg(long, value_name = "list", value_parser = host::parse)]
    host: Vec<String>,
}

/// Flags of `service update`.
#[derive(Debug, Args)]
pub(super) struct ResolverChanges {
    /// Add or update a custom DNS server
    #[arg(long, value_name = "list")]
    dns_add: Vec<String>,
    /// Add or update a DNS option
    #[arg(long, value_name = "list")]
    dns_option_add: Vec<String>,
    /// Remove a DNS option
    #[arg(long, value_name = "list")]
    dns_option_rm: Vec<String>,
    /// Remove a custom DNS server
    #[arg(long, value_name = "list")]
    dns_rm: Vec<String>,
    /// Add or update a custom DNS search domain
    #[arg(long, value_name = "list")]
    dns_search_add: Vec<String>,
    /// Remove a DNS search domain
    #[arg(long, value_name = "list")]
    dns_search_rm: Vec<String>,
    /// Add a custom host-to-IP mapping ("host:ip")
    #[arg(long, value_name = "list", value_parser = host::parse)]
    host_add: Vec<String>,
    /// Remove a custom host-to-IP mapping ("host:ip")
    #[arg(long, value_name = "list")]
    host_rm: Vec<String>,
}

fn dns(name: &'static str) -> [&'static str; 4] {
    ["TaskTemplate", "ContainerSpec", "DNSConfig", name]
}

impl Resolver {
    /// Sets what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        texts(spec, &dns("Nameservers"), &self.dns, &[]);
        texts(spec, &dns("Options"), &self.dns_option, &[]);
        texts(spec, &dns("Search"), &self.dns_search, &[]);
        texts(spec, &HOSTS, &lines(&self.host), &[]);
    }
}

impl ResolverChanges {
    /// Removes, then adds, what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        texts(spec, &dns("Nameservers"), &self.dns_add, &self.dns_rm);
        texts(spec, &dns("Options"), &self.dns_option_add, &self.dns_option_rm);
        texts(spec, &dns("Search"), &self.dns_search_add, &self.dns_search_rm);
        if !self.host_rm.is_empty() {
            let known = at(spec, &HOSTS).as_array().cloned().unwrap_or_default();
            let kept = known.iter().filter_map(|line| without(line.as_str()?, &self.host_rm));
            *at(spec, &HOSTS) = json!(kept.collect::<Vec<_>>());
        }
        texts(spec, &HOSTS, &lines(&self.host_add), &[]);
    }
}

/// `name:ip` → `ip name`, the form of services.
fn lines(entries: &[String]) -> Vec<String> {
    let line = |entry: &String| {
        entry.split_once(':').map_or_else(|| entry.clone(), |(name, ip)| format!("{ip} {name}"))
    };
    entries.iter().map(line).collect()
}

/// The line without the names that are removed (`name` wherever it points, or `name:ip`); `None` when no name is left.
fn without(line: &str, removed: &[String]) -> Option<String> {
    let mut words = line.split_whitespace();
    let address = words.next()?;
    let is_removed = |name: &str| {
        removed.iter().any(|entry| match entry.split_once(':') {
            Some((removed, ip)) => removed == name && (ip.is_empty() || ip == address),
            None => entry == name,
        })
    };
    let names: Vec<&str> = words.filter(|name| !is_removed(name)).collect();
    (!names.is_empty()).then(|| format!("{address} {}", names.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;

    #[test]
    fn names_are_removed_from_their_lines() {
        let before = json!({"TaskTemplate": {"ContainerSpec": {
            "Hosts": ["10.0.0.1 a b", "10.0.0.2 c"], "DNSConfig": {"Nameservers": ["1.1.1.1", "8.8.8.8"]},
        }}});
        let changed = |flags: &[&str]| {
            let mut spec = before.clone();
            parsed::<ResolverChanges>(flags).apply(&mut spec);
            spec["TaskTemplate"]["ContainerSpec"].take()
        };
        let hosts = |flags: &[&str]| changed(flags)["Hosts"].take();
        assert_eq!(
            hosts(&["--host-rm", "a:10.0.0.1", "--host-add", "d:10.0.0.9"]),
            json!(["10.0.0.1 b", "10.0.0.2 c", "10.0.0.9 d"])
        );
        assert_eq!(hosts(&["--host-rm", "a", "--host-rm", "b:"]), json!(["10.0.0.2 c"]));
        assert_eq!(hosts(&["--host-rm", "c:10.0.0.1"]), json!(["10.0.0.1 a b", "10.0.0.2 c"]));
        let flags = [
            "--dns-add",
            "9.9.9.9",
            "--dns-rm",
            "1.1.1.1",
            "--dns-option-add",
            "ndots:2",
            "--dns-search-add",
            "corp",
        ];
        let want = json!({"Nameservers": ["8.8.8.8", "9.9.9.9"], "Options": ["ndots:2"], "Search": ["corp"]});
        assert_eq!(changed(&flags)["DNSConfig"], want);
        assert_eq!(changed(&[]), before["TaskTemplate"]["ContainerSpec"]);
    }

    #[test]
    fn a_service_is_made_with_lines() {
        let mut spec = json!({});
        parsed::<Resolver>(&["--host", "a:10.0.0.1", "--host", "b=::1", "--dns", "1.1.1.1"]).apply(&mut spec);
        let want = json!({"Hosts": ["10.0.0.1 a", "::1 b"], "DNSConfig": {"Nameservers": ["1.1.1.1"]}});
        assert_eq!(spec["TaskTemplate"]["ContainerSpec"], want);
    }
}
