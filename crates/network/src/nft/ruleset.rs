//! The fixed part of the table: chains, rules and empty maps. docs/networking.md draws the ways of a packet.

use nix::libc;

use super::batch::{Batch, Hook};
use super::expression::{Family, loopback, loopback_v6};
use super::network::{BRIDGES, ENTERING, INTO, LEAVING, NetworkRules, OUT_OF, add_maps, add_network};
use super::port::{
    Balanced, INGRESS, Published, any_type, at_type, choice_type, ingress_type, open_ports, port_maps,
    ports_any, ports_at,
};

const PUBLISH: &str = "publish";
const GUARD: &str = "guard";
const PREROUTING: &str = "prerouting";
const OUTPUT: &str = "output";
const POSTROUTING: &str = "postrouting";
const FORWARD: &str = "forward";
/// An empty chain by which the tables of all daemons of ours know each other.
pub(super) const SIGNATURE: &str = "shoal-containers";
const MARK: &str = "shoal-mark";
const UNMARK: &str = "shoal-unmark";

/// The loopback interface of every machine.
const LOOPBACK: &str = "lo";

/// Before connection tracking, where destinations still are what was on the wire.
const PRIORITY_RAW: i32 = -300;
const PRIORITY_DNAT: i32 = -100;
const PRIORITY_FILTER: i32 = 0;
const PRIORITY_SNAT: i32 = 100;
/// Before and after everybody else who filters what is forwarded.
const PRIORITY_MARK: i32 = -500;
const PRIORITY_UNMARK: i32 = 500;

/// The bit of a packet's mark that says, from the first forward chain to the last: our own, let it through.
pub(super) const MARK_BIT: u32 = 1 << 28;

/// Everything the table should hold.
#[derive(Default)]
pub(crate) struct Contents {
    /// The bridge networks.
    pub(crate) networks: Vec<NetworkRules>,
    /// Ports with one target.
    pub(crate) ports: Vec<Published>,
    /// Ports with several.
    pub(crate) ingress: Vec<Balanced>,
    /// Whether other people's chains need to be told which packets are ours.
    pub(crate) marks: bool,
}

/// Writes a transaction that replaces the table, whatever it was, by `contents`.
pub(super) fn replace(batch: &mut Batch<'_>, contents: &Contents) {
    // Deleting needs it to exist, and adding what exists is no error.
    batch.add_table();
    batch.delete_table();
    batch.add_table();
    for family in Family::BOTH {
        batch.add_map(ports_any(family), &any_type(family));
        batch.add_map(ports_at(family), &at_type(family));
        batch.add_set(open_ports(family), &at_type(family));
    }
    batch.add_map(INGRESS, &ingress_type());
    batch.add_chain(SIGNATURE, None);
    add_maps(batch);
    add_translation(batch);
    add_forward(batch);
    if contents.marks {
        add_marks(batch);
    }
    for network in &contents.networks {
        add_network(batch, network);
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
    for map in port_maps() {
        let elements: Vec<_> =
            ports.iter().filter(|port| port.map() == map).map(Published::element).collect();
        if !elements.is_empty() {
            each(map, &elements);
        }
    }
}

fn filter(point: libc::c_int, priority: i32) -> Option<Hook> {
    Some(Hook { kind: "filter", point, priority })
}

fn nat(point: libc::c_int, priority: i32) -> Option<Hook> {
    Some(Hook { kind: "nat", point, priority })
}

/// Published ports, from outside and from containers (prerouting) and from this machine (output), and the source
/// addresses that need another one (postrouting).
fn add_translation(batch: &mut Batch<'_>) {
    batch.add_chain(PUBLISH, None);
    for family in Family::BOTH {
        batch.add_rule(PUBLISH, |rule| {
            rule.translate_by_address(family, ports_at(family));
        });
        batch.add_rule(PUBLISH, |rule| {
            rule.translate_by_port(family, ports_any(family));
        });
    }
    batch.add_rule(PUBLISH, |rule| {
        rule.branch_by_port(INGRESS);
    });

    batch.add_chain(GUARD, filter(libc::NF_INET_PRE_ROUTING, PRIORITY_RAW));
    // Wherever route_localnet lets such a packet in from a wire, a port published on 127.0.0.1 is none of its
    // business: it is neither translated nor let through to the proxy.
    batch.add_rule(GUARD, |rule| {
        rule.comes_from_elsewhere_than(LOOPBACK)
            .destination_in(loopback())
            .is_published_at(Family::V4, ports_at(Family::V4))
            .drop();
    });
    // The bridges have route_localnet, for answers to this machine's own 127.0.0.1. Nothing else of 127/8 may use it.
    batch.add_rule(GUARD, |rule| rule.comes_from_any(BRIDGES).destination_in(loopback()).drop());
    batch.add_rule(GUARD, |rule| rule.comes_from_any(BRIDGES).source_in(loopback()).drop());

    batch.add_chain(PREROUTING, nat(libc::NF_INET_PRE_ROUTING, PRIORITY_DNAT));
    batch.add_rule(PREROUTING, |rule| rule.destination_in(loopback()).go_back());
    batch.add_rule(PREROUTING, |rule| rule.destination_is_local().jump(PUBLISH));
    batch.add_chain(OUTPUT, nat(libc::NF_INET_LOCAL_OUT, PRIORITY_DNAT));
    // The kernel sends nothing from ::1 to a wire, whatever the rules say of it: that is the proxy's.
    batch.add_rule(OUTPUT, |rule| rule.destination_in(loopback_v6()).go_back());
    batch.add_rule(OUTPUT, |rule| rule.destination_is_local().jump(PUBLISH));

    batch.add_chain(POSTROUTING, nat(libc::NF_INET_POST_ROUTING, PRIORITY_SNAT));
    batch.add_rule(POSTROUTING, |rule| {
        rule.branch_by_destination(INTO);
    });
    batch.add_rule(POSTROUTING, |rule| {
        rule.branch_by_source(OUT_OF);
    });
}

fn add_forward(batch: &mut Batch<'_>) {
    batch.add_chain(FORWARD, filter(libc::NF_INET_FORWARD, PRIORITY_FILTER));
    batch.add_rule(FORWARD, |rule| rule.is_known().accept());
    batch.add_rule(FORWARD, |rule| {
        rule.branch_by_source(LEAVING);
    });
    batch.add_rule(FORWARD, |rule| {
        rule.branch_by_destination(ENTERING);
    });
}

/// What leaves a bridge, and what answers it. A new flow from outside is not marked: whether it may reach a published
/// port is the administrator's decision.
fn add_marks(batch: &mut Batch<'_>) {
    batch.add_chain(MARK, filter(libc::NF_INET_FORWARD, PRIORITY_MARK));
    batch.add_rule(MARK, |rule| rule.comes_from_any(BRIDGES).set_mark(MARK_BIT, true));
    batch.add_rule(MARK, |rule| rule.goes_to_any(BRIDGES).is_known().set_mark(MARK_BIT, true));
    batch.add_chain(UNMARK, filter(libc::NF_INET_FORWARD, PRIORITY_UNMARK));
    batch.add_rule(UNMARK, |rule| rule.is_marked(MARK_BIT).set_mark(MARK_BIT, false));
}
