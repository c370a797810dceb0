//! Interfaces: a network's bridge on the host, and what ties a container to its networks.

mod bridge;
mod forward;
mod message;
mod visit;
mod wire;

pub(crate) use bridge::{Bridge, has_alias, present_address, taken_subnets};
pub(crate) use forward::{bridged_packets_see_rules, enable_forwarding, enable_forwarding_v6};
pub(crate) use message::{alias_of, controller_of, delete_link, enslave, is_up, is_veth, name_of};
pub(crate) use visit::{Visit, Way, Ways, ignore_absence, open_namespace, raise_loopback, visit};
pub(crate) use wire::{Wire, Wiring, check_support};
