//! This daemon's nftables table, in the kernel's own language.
//!
//! The rules are fixed in number; what is published are elements of maps. Additions take a fraction of a
//! millisecond, a transaction that deletes waits for the kernel's grace period: callers keep the two apart.

mod batch;
mod expression;
mod firewall;
mod names;
mod port;
mod ruleset;

pub(crate) use firewall::Firewall;
pub(crate) use names::lead_names_to;
pub(crate) use port::{Balanced, Published};
pub(crate) use ruleset::Contents;
