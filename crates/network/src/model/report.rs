//! What `shoal firewall` tells: which chains of other programs stand in the way, and of what.

use serde::{Deserialize, Serialize};

use super::{BoundPort, Protocol};
use crate::ForeignFirewall;

/// The state of this machine's firewall, as far as it concerns containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallReport {
    /// Whether this daemon has rules at all (`--iptables`).
    pub has_rules: bool,
    /// What the daemon does about other programs' chains.
    pub mode: ForeignFirewall,
    /// Every chain of other programs that sees what is forwarded.
    pub chains: Vec<ForeignChain>,
    /// Whether there are tables of the old iptables too, which are not looked into.
    pub has_legacy_tables: bool,
    /// The ports that are published by rules. From outside they are reached only if each of the chains that drop lets
    /// them through by a rule of the administrator's.
    pub ports: Vec<ReportedPort>,
}

/// A chain of another program that sees what is forwarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignChain {
    /// `ip`, `ip6` or `inet`.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
    /// Lower comes first.
    pub priority: i32,
    /// Whether it drops, by its policy or by a last rule, what no other rule of it accepts.
    pub drops: bool,
    /// Whether our rule in it lets through what leaves containers, its answers, and what containers say to each other.
    pub lets_ours_through: bool,
}

/// A port that is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedPort {
    /// The container's name.
    pub container: String,
    /// Where it is published.
    pub port: BoundPort,
    /// Where it leads, as other programs' rules see it: they come after the translation.
    pub target: std::net::SocketAddr,
    /// Its transport.
    pub protocol: Protocol,
}

impl FirewallReport {
    /// The chains that decide whether the outside reaches published ports.
    pub fn gates(&self) -> impl Iterator<Item = &ForeignChain> {
        self.chains.iter().filter(|chain| chain.drops)
    }
}
