//! This daemon's nftables table, in the kernel's own language, and the one rule it has in other people's.
//!
//! The rules are fixed in number but for a few chains per network; what is published are elements of maps. Additions
//! take a fraction of a millisecond, a transaction that deletes waits for the kernel's grace period: callers keep the
//! two apart.

mod batch;
mod census;
mod expression;
mod firewall;
mod foreign;
mod names;
mod network;
mod port;
mod ruleset;

pub(crate) use census::Census;
pub(crate) use firewall::{Commits, Firewall};
pub(crate) use foreign::Foreign;
pub(crate) use names::lead_names_to;
pub(crate) use network::{FamilyRules, NetworkRules};
pub(crate) use port::{Balanced, Published};
pub(crate) use ruleset::Contents;
