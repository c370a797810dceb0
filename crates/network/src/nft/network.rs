//! The rules of one network: its own chains, and the elements that lead into them by the bridge's name.

use ipam::Cidr;
use nix::libc;

use super::batch::{Batch, Element, MapType, Value};
use super::expression::{Family, interface_name, loopback};
use super::port::open_ports;
use crate::settle::GatewayMode;

/// The names of all our bridges.
pub(super) const BRIDGES: &str = "bridges";
/// What is forwarded out of a bridge that is not free to leave.
pub(super) const LEAVING: &str = "leaving";
/// What is forwarded into a bridge.
pub(super) const ENTERING: &str = "entering";
/// What gets another source address on its way out of a bridge.
pub(super) const OUT_OF: &str = "out_of";
/// The same on its way into one.
pub(super) const INTO: &str = "into";

/// All of them.
pub(super) const MAPS: [&str; 5] = [BRIDGES, LEAVING, ENTERING, OUT_OF, INTO];

/// nft's number of the type of interfaces' names.
pub(super) const TYPE_INTERFACE: u32 = 41;

/// What the rules know of a bridge network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkRules {
    /// What its chains are called by: digits of its id.
    pub(crate) tag: String,
    /// The bridge's name.
    pub(crate) bridge: String,
    /// Its subnets.
    pub(crate) families: Vec<FamilyRules>,
    /// Whether its containers may talk to each other.
    pub(crate) icc: bool,
    /// Whether no way leads out.
    pub(crate) internal: bool,
}

/// One family of addresses in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FamilyRules {
    /// The addresses.
    pub(crate) subnet: Cidr,
    /// How they are reached from outside.
    pub(crate) mode: GatewayMode,
    /// Whether what leaves gets this machine's address.
    pub(crate) masquerade: bool,
}

impl NetworkRules {
    fn chain(&self, kind: &str) -> String {
        format!("{kind}-{}", self.tag)
    }

    /// The elements that lead here, with the map of each.
    fn elements(&self) -> Vec<(&'static str, Element)> {
        let key = || interface_name(&self.bridge).to_vec();
        let jump = |kind| Element { key: key(), value: Value::Jump(self.chain(kind)) };
        let mut elements = vec![
            (BRIDGES, Element { key: key(), value: Value::Member }),
            (ENTERING, Element { key: key(), value: Value::Goto(self.chain(ENTERING)) }),
            (INTO, jump(INTO)),
            (OUT_OF, jump(OUT_OF)),
        ];
        if self.internal {
            elements.push((LEAVING, jump(LEAVING)));
        }
        elements
    }

    fn chains(&self) -> Vec<String> {
        let mut chains: Vec<_> = [ENTERING, INTO, OUT_OF].map(|kind| self.chain(kind)).into();
        if self.internal {
            chains.push(self.chain(LEAVING));
        }
        chains
    }
}

/// Makes the sets and maps of all networks.
pub(super) fn add_maps(batch: &mut Batch<'_>) {
    let types = MapType {
        key_type: TYPE_INTERFACE,
        key_len: libc::IFNAMSIZ as u32,
        data_type: libc::NFT_DATA_VERDICT,
        data_len: 0,
    };
    batch.add_set(BRIDGES, &types);
    for map in [LEAVING, ENTERING, OUT_OF, INTO] {
        batch.add_map(map, &types);
    }
}

/// Adds a network that is not there.
pub(super) fn add_network(batch: &mut Batch<'_>, network: &NetworkRules) {
    for chain in network.chains() {
        batch.add_chain(&chain, None);
    }
    add_forward(batch, network);
    add_postrouting(batch, network);
    for (map, element) in network.elements() {
        batch.add_elements(map, &[element]);
    }
}

/// Removes a network that is there.
pub(super) fn delete_network(batch: &mut Batch<'_>, network: &NetworkRules) {
    for (map, element) in network.elements() {
        batch.delete_elements(map, &[element]);
    }
    for chain in network.chains() {
        batch.flush_chain(&chain);
        batch.delete_chain(&chain);
    }
}

/// New flows into the bridge, and for an internal network out of it. Known ones have been let through before.
fn add_forward(batch: &mut Batch<'_>, network: &NetworkRules) {
    let (bridge, entering) = (network.bridge.as_str(), network.chain(ENTERING));
    if network.internal {
        let leaving = network.chain(LEAVING);
        batch.add_rule(&leaving, |rule| rule.goes_to(bridge).go_back());
        batch.add_rule(&leaving, |rule| rule.drop());
    }
    batch.add_rule(&entering, |rule| {
        let rule = rule.comes_from(bridge);
        // Without leave to talk to each other containers still reach what is published.
        if network.icc { rule.accept() } else { rule.was_translated().accept() }
    });
    if !network.internal {
        batch.add_rule(&entering, |rule| rule.was_translated().accept());
        for family in &network.families {
            let kind = Family::of(family.subnet.address());
            if family.mode == GatewayMode::Routed {
                batch.add_rule(&entering, |rule| rule.is_listed_at(kind, open_ports(kind)).accept());
                batch.add_rule(&entering, |rule| rule.is_of(kind).is_icmp(kind).accept());
            }
        }
        // Networks are apart, however open this one is to the outside.
        batch.add_rule(&entering, |rule| rule.comes_from_any(BRIDGES).drop());
        for family in &network.families {
            if family.mode == GatewayMode::NatUnprotected {
                let kind = Family::of(family.subnet.address());
                batch.add_rule(&entering, |rule| rule.is_of(kind).accept());
            }
        }
    }
    batch.add_rule(&entering, |rule| rule.drop());
}

fn add_postrouting(batch: &mut Batch<'_>, network: &NetworkRules) {
    let (bridge, into, out_of) = (network.bridge.as_str(), network.chain(INTO), network.chain(OUT_OF));
    batch.add_rule(&into, |rule| rule.source_in(loopback()).masquerade());
    batch.add_rule(&out_of, |rule| rule.goes_to(bridge).go_back());
    for family in &network.families {
        // A container that reached a published port of its own bridge: the answer would take the short way.
        batch.add_rule(&into, |rule| rule.source_in(family.subnet).was_translated().masquerade());
        if family.masquerade && family.mode != GatewayMode::Routed && !network.internal {
            batch.add_rule(&out_of, |rule| rule.source_in(family.subnet).masquerade());
        }
    }
}
