//! What stands between the outside and containers: the answer to `GET /shoal/firewall`, which is ours alone.

use serde::{Deserialize, Serialize};

/// The state of the machine's firewall, as far as it concerns containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallReport {
    /// Whether the daemon has rules at all.
    pub has_rules: bool,
    /// What it does about chains of other programs that drop: `accept` or `leave`.
    pub mode: String,
    /// Every chain of other programs that sees what is forwarded.
    pub chains: Vec<FirewallChain>,
    /// Whether there are tables of the old iptables too, which nobody looks into.
    pub has_legacy_tables: bool,
    /// The ports that are published by rules.
    pub ports: Vec<FirewallPort>,
}

/// A chain of another program that sees what is forwarded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallChain {
    /// `ip`, `ip6` or `inet`.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
    /// Lower comes first.
    pub priority: i32,
    /// Whether it drops what none of its rules accepts.
    pub drops: bool,
    /// Whether it has a rule of the daemon's, for what leaves containers, its answers, and what they say to each other.
    pub lets_ours_through: bool,
}

/// A port that is published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallPort {
    /// The container's name.
    pub container: String,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Where it is published, `address:port`.
    pub published: String,
    /// Where it leads, as the rules of other programs see it.
    pub target: String,
}
