//! The fixed part of the table: chains, rules and empty maps. docs/networking.md draws the ways of a packet.

use ipam::Cidr;
use nix::libc;

use super::batch::{Batch, Hook};
use super::expression::loopback;
use super::port::{Balanced, INGRESS, PORTS_ANY, PORTS_AT, Published, choice_type, map_types};

const PUBLISH: &str = "publish";
const GUARD: &str = "guard";
const PREROUTING: &str = "prerouting";
const OUTPUT: &str = "output";
const POSTROUTING: &str = "postrouting";
const FORWARD: &str = "forward";

/// The loopback interface of every machine.
const LOOPBACK: &str = "lo";

/// Before connection tracking, where destinations still are what was on the wire.
const PRIORITY_RAW: i32 = -300;
const PRIORITY_DNAT: i32 = -100;
const PRIORITY_FILTER: i32 = 0;
const PRIORITY_SNAT: i32 = 100;

/// Everything the table should hold.
pub(crate) struct Contents<'a> {
    /// The default bridge and its subnet, if there is one.
    pub(crate) bridge: Option<(&'a str, Cidr)>,
    /// Ports with one target.
    pub(crate) ports: Vec<Published>,
    /// Ports with several.
    pub(crate) ingress: Vec<Balanced>,
}

/// Writes a transaction that replaces the table, whatever it was, by `contents`.
pub(super) fn replace(batch: &mut Batch<'_>, contents: &Contents<'_>) {
    // Deleting needs it to exist, and adding what exists is no error.
    batch.add_table();
    batch.delete_table();
    batch.add_table();
    for (name, types) in map_types() {
        batch.add_map(name, &types);
    }
    add_translation(batch);
    if let Some((bridge, subnet)) = contents.bridge {
        add_bridge(batch, bridge, subnet);
    }
    add_ports(batch, &contents.ports);
    for port in &contents.ingress {
        add_balanced(batch, port);
    }
}

/// Adds elements for ports; an equal element may exist already.
pub(super) fn add_ports(batch: &mut Batch<'_>, ports: &[Published]) {
    for_each_map(ports, |map, elements| batch.add_elements(map, elements));
}

/// Deletes the elements of ports, which must exist.
pub(super) fn delete_ports(batch: &mut Batch<'_>, ports: &[Published]) {
    for_each_map(ports, |map, elements| batch.delete_elements(map, elements));
}

/// Adds a balanced port, which must not exist.
pub(super) fn add_balanced(batch: &mut Batch<'_>, port: &Balanced) {
    batch.add_chain(&port.chain(), None);
    set_choices(batch, port);
    batch.add_elements(INGRESS, &[port.element()]);
}

/// Gives an existing balanced port other targets.
pub(super) fn change_balanced(batch: &mut Batch<'_>, port: &Balanced) {
    batch.flush_chain(&port.chain());
    set_choices(batch, port);
}

/// Removes a balanced port, which must exist.
pub(super) fn delete_balanced(batch: &mut Batch<'_>, port: &Balanced) {
    batch.delete_elements(INGRESS, &[port.element()]);
    batch.flush_chain(&port.chain());
    batch.delete_chain(&port.chain());
}

fn set_choices(batch: &mut Batch<'_>, port: &Balanced) {
    let choices = port.choices();
    let id = batch.add_anonymous_map(&choice_type(), &choices);
    batch.add_rule(&port.chain(), |rule| {
        rule.translate_at_random(choices.len() as u32, super::batch::ANONYMOUS_MAP, id);
    });
}

fn for_each_map(ports: &[Published], mut each: impl FnMut(&'static str, &[super::batch::Element])) {
    for map in [PORTS_ANY, PORTS_AT] {
        let elements: Vec<_> =
            ports.iter().filter(|port| port.map() == map).map(Published::element).collect();
        if !elements.is_empty() {
            each(map, &elements);
        }
    }
}

/// Published ports, from outside and from containers (prerouting) and from this machine (output).
fn add_translation(batch: &mut Batch<'_>) {
    batch.add_chain(PUBLISH, None);
    batch.add_rule(PUBLISH, |rule| {
        rule.translate_by_address(PORTS_AT);
    });
    batch.add_rule(PUBLISH, |rule| {
        rule.translate_by_port(PORTS_ANY);
    });
    batch.add_rule(PUBLISH, |rule| {
        rule.branch_by_port(INGRESS);
    });
    let nat = |point| Hook { kind: "nat", point, priority: PRIORITY_DNAT };
    batch.add_chain(PREROUTING, Some(nat(libc::NF_INET_PRE_ROUTING)));
    // Wherever route_localnet lets such a packet in from a wire, a port published on 127.0.0.1 is none of its
    // business: it is neither translated nor let through to the proxy.
    batch.add_chain(
        GUARD,
        Some(Hook { kind: "filter", point: libc::NF_INET_PRE_ROUTING, priority: PRIORITY_RAW }),
    );
    batch.add_rule(GUARD, |rule| {
        rule.comes_from_elsewhere_than(LOOPBACK).destination_in(loopback()).is_published_at(PORTS_AT).drop();
    });
    batch.add_rule(PREROUTING, |rule| rule.destination_in(loopback()).go_back());
    batch.add_rule(PREROUTING, |rule| rule.destination_is_local().jump(PUBLISH));
    batch.add_chain(OUTPUT, Some(nat(libc::NF_INET_LOCAL_OUT)));
    batch.add_rule(OUTPUT, |rule| rule.destination_is_local().jump(PUBLISH));
}

fn add_bridge(batch: &mut Batch<'_>, bridge: &str, subnet: Cidr) {
    // The bridge has route_localnet, for answers to this machine's own 127.0.0.1. Nothing else of 127/8 may use it.
    batch.add_rule(GUARD, |rule| rule.comes_from(bridge).destination_in(loopback()).drop());
    batch.add_rule(GUARD, |rule| rule.comes_from(bridge).source_in(loopback()).drop());

    batch.add_chain(
        POSTROUTING,
        Some(Hook { kind: "nat", point: libc::NF_INET_POST_ROUTING, priority: PRIORITY_SNAT }),
    );
    batch.add_rule(POSTROUTING, |rule| rule.source_in(subnet).goes_elsewhere_than(bridge).masquerade());
    batch.add_rule(POSTROUTING, |rule| rule.source_in(loopback()).goes_to(bridge).masquerade());
    // A container that reached a published port of its own bridge: the answer would take the short way.
    batch.add_rule(POSTROUTING, |rule| rule.source_in(subnet).goes_to(bridge).was_translated().masquerade());

    batch.add_chain(
        FORWARD,
        Some(Hook { kind: "filter", point: libc::NF_INET_FORWARD, priority: PRIORITY_FILTER }),
    );
    batch.add_rule(FORWARD, |rule| rule.goes_elsewhere_than(bridge).accept());
    batch.add_rule(FORWARD, |rule| rule.is_known().accept());
    batch.add_rule(FORWARD, |rule| rule.comes_from(bridge).accept());
    batch.add_rule(FORWARD, |rule| rule.was_translated().accept());
    batch.add_rule(FORWARD, |rule| rule.drop());
}
