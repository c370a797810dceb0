//! Interfaces: the bridge on the host, and the pair of interfaces that ties a container to it.

mod bridge;
mod forward;
mod message;
mod veth;

pub(crate) use bridge::{Bridge, choose_address, taken_subnets};
pub(crate) use forward::enable_forwarding;
pub(crate) use message::{delete_link, enslave, name_of};
pub(crate) use veth::{Wiring, raise_loopback, wire};
