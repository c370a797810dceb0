//! `Links`: another container's name and address under an alias, on the default bridge. Pure.
//!
//! What the container gets are lines of its hosts file and variables, as Docker has made them since before there were
//! networks.

use crate::spec::{Invalid, Port, Protocol};
use std::net::Ipv4Addr;

/// `container[:alias]`, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) alias: String,
}

/// What a link tells of the container it leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linked<'a> {
    /// Name of the container that links.
    pub(crate) owner: &'a str,
    pub(crate) alias: &'a str,
    pub(crate) address: Ipv4Addr,
    /// Of the container that is linked to.
    pub(crate) ports: &'a [Port],
    pub(crate) env: &'a [String],
}

pub(crate) fn plan(links: &[String]) -> Result<Vec<Link>, Invalid> {
    links.iter().map(|text| parse(text).ok_or_else(|| Invalid::Link(text.clone()))).collect()
}

/// The words of a container are with or without the slash that inspect writes before a name.
fn parse(text: &str) -> Option<Link> {
    let (target, alias) = text.split_once(':').unwrap_or((text, text));
    let target = target.strip_prefix('/').unwrap_or(target);
    // Inspect tells `/target:/owner/alias`.
    let alias = alias.rsplit('/').next()?;
    let plain = |word: &str| !word.is_empty() && !word.contains([':', '/', '\n', ' ', '\t']);
    (plain(target) && plain(alias)).then(|| Link { target: target.to_owned(), alias: alias.to_owned() })
}

impl Linked<'_> {
    /// `ALIAS_NAME`, `ALIAS_PORT…` for each exposed port, `ALIAS_ENV_…` for each variable of the target.
    pub(crate) fn variables(&self) -> Vec<String> {
        let prefix: String =
            self.alias.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect();
        let mut ports: Vec<Port> = self.ports.to_vec();
        // The first one is the main one: TCP before others, small numbers first.
        ports.sort_by_key(|port| (port.protocol != Protocol::Tcp, port.number));
        let mut variables = Vec::new();
        let address = self.address;
        for (index, port) in ports.iter().enumerate() {
            let protocol = port.protocol.to_string();
            let url = format!("{protocol}://{address}:{}", port.number);
            if index == 0 {
                variables.push(format!("{prefix}_PORT={url}"));
            }
            let name = format!("{prefix}_PORT_{}_{}", port.number, protocol.to_ascii_uppercase());
            variables.push(format!("{name}={url}"));
            variables.push(format!("{name}_ADDR={address}"));
            variables.push(format!("{name}_PORT={}", port.number));
            variables.push(format!("{name}_PROTO={protocol}"));
        }
        variables.push(format!("{prefix}_NAME=/{}/{}", self.owner, self.alias));
        for entry in self.env {
            if let Some((name, value)) = entry.split_once('=')
                && !matches!(name, "HOME" | "PATH")
            {
                variables.push(format!("{prefix}_ENV_{name}={value}"));
            }
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_a_name_and_an_alias() {
        let link = |target: &str, alias: &str| Some(Link { target: target.into(), alias: alias.into() });
        assert_eq!(parse("db"), link("db", "db"));
        assert_eq!(parse("db:store"), link("db", "store"));
        assert_eq!(parse("/db:/web/store"), link("db", "store"));
        for wrong in ["", ":", "db:", ":store", "a:b:c", "a b"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn variables_name_every_port_and_variable() {
        let ports = ["53/udp".parse().unwrap(), "80/tcp".parse().unwrap()];
        let env = ["PATH=/bin".to_owned(), "COLOUR=red".to_owned()];
        let linked = Linked {
            owner: "web",
            alias: "my-db",
            address: Ipv4Addr::new(10, 0, 0, 2),
            ports: &ports,
            env: &env,
        };
        let variables = linked.variables();
        assert_eq!(variables[0], "MY_DB_PORT=tcp://10.0.0.2:80");
        assert!(variables.contains(&"MY_DB_PORT_53_UDP_ADDR=10.0.0.2".to_owned()), "{variables:?}");
        assert!(variables.contains(&"MY_DB_NAME=/web/my-db".to_owned()));
        assert!(variables.contains(&"MY_DB_ENV_COLOUR=red".to_owned()));
        assert!(!variables.iter().any(|variable| variable.contains("ENV_PATH")));
    }
}
