//! Placement constraints: `key == value` or `key != value`, as Docker documents them.

use std::net::IpAddr;

use swarm_api::pb;

use super::attribute;

/// One constraint, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint<'a> {
    key: &'a str,
    value: &'a str,
    /// Whether they are to be the same.
    wanted: bool,
}

impl<'a> Constraint<'a> {
    /// Reads it; `None` when it is none. Control refuses such specs, so it can only come from another version.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let equal = text.split_once("==").map(|(key, value)| (key, value, true));
        let (key, value, wanted) =
            equal.or_else(|| text.split_once("!=").map(|(key, value)| (key, value, false)))?;
        Some(Constraint { key: key.trim(), value: value.trim(), wanted })
    }

    /// Whether the node meets it. A key that does not exist is met by none.
    pub(super) fn is_met(&self, node: &pb::Node) -> bool {
        let Some(actual) = attribute::of(self.key, node) else { return false };
        let is = |key: &str| self.key.eq_ignore_ascii_case(key);
        let same = if is("node.platform.arch") {
            attribute::same_architecture(actual, self.value)
        } else if is("node.ip") {
            match is_within(actual, self.value) {
                Some(same) => same,
                // Neither address nor network: met by none, whatever the operator, as with swarmkit.
                None => return false,
            }
        } else {
            // As swarmkit: values are compared without regard to case.
            actual.eq_ignore_ascii_case(self.value)
        };
        same == self.wanted
    }
}

/// Whether every constraint is met by the node. One that cannot be read is met by none.
pub(super) fn are_met(constraints: &[Option<Constraint<'_>>], node: &pb::Node) -> bool {
    constraints.iter().all(|constraint| constraint.is_some_and(|constraint| constraint.is_met(node)))
}

/// Whether an address is this one, or in this network (`10.0.0.0/8`). `None` when the value is neither.
fn is_within(address: &str, value: &str) -> Option<bool> {
    let address: Option<IpAddr> = address.parse().ok();
    if let Ok(one) = value.parse::<IpAddr>() {
        return Some(address == Some(one));
    }
    let (network, length) = value.split_once('/')?;
    let (network, length): (IpAddr, u32) = (network.parse().ok()?, length.parse().ok()?);
    // An address of the other family is in no such network.
    let (ours, theirs, bits) = match (address, network) {
        (Some(IpAddr::V4(ours)), IpAddr::V4(theirs)) => {
            (u128::from(ours.to_bits()), theirs.to_bits().into(), 32)
        }
        (Some(IpAddr::V6(ours)), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
        _ => return Some(false),
    };
    let rest = u32::checked_sub(bits, length)?;
    let head = |number: u128| number.checked_shr(rest).unwrap_or(0);
    Some(head(ours) == head(theirs))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use swarm_api::pb::NodeRole;

    fn node() -> pb::Node {
        pb::Node {
            id: "n1".into(),
            spec: Some(pb::NodeSpec {
                annotations: Some(pb::Annotations {
                    labels: HashMap::from([("Zone".to_owned(), "east".to_owned())]),
                    ..Default::default()
                }),
                role: NodeRole::Manager.into(),
                ..Default::default()
            }),
            description: Some(pb::NodeDescription {
                hostname: "alpha".into(),
                architecture: "x86_64".into(),
                os: "linux".into(),
                ..Default::default()
            }),
            status: Some(pb::NodeStatus { addr: "10.1.2.3".into(), ..Default::default() }),
            ..Default::default()
        }
    }

    fn is_met(text: &str, node: &pb::Node) -> bool {
        are_met(&[Constraint::parse(text)], node)
    }

    #[test]
    fn constraints_read_the_attributes_of_a_node() {
        let node = node();
        for met in [
            "node.id==n1",
            "node.hostname == ALPHA",
            "node.hostname != beta",
            "node.role==manager",
            "node.labels.Zone==east",
            "node.labels.other!=x",
            "node.platform.arch==amd64",
            "NODE.Platform.OS == Linux",
            "engine.labels.x != y",
        ] {
            assert!(is_met(met, &node), "{met}");
        }
        for unmet in
            ["node.id!=n1", "node.role==worker", "node.labels.other==x", "nonsense", "node.moon==full"]
        {
            assert!(!is_met(unmet, &node), "{unmet}");
        }
    }

    #[test]
    fn addresses_are_compared_as_such() {
        let mut node = node();
        for met in [
            "node.ip==10.1.2.3",
            "node.ip==10.1.0.0/16",
            "node.ip!=10.2.0.0/16",
            "node.ip==0.0.0.0/0",
            "node.ip!=::/0",
        ] {
            assert!(is_met(met, &node), "{met}");
        }
        for unmet in ["node.ip!=10.1.2.3", "node.ip==10.1.2.0/25x", "node.ip!=here", "node.ip==10.0.0.0/33"] {
            assert!(!is_met(unmet, &node), "{unmet}");
        }
        node.status.as_mut().unwrap().addr = "fd00::5".into();
        assert!(is_met("node.ip==fd00::/8", &node) && !is_met("node.ip==10.0.0.0/8", &node));
        node.status.as_mut().unwrap().addr.clear();
        assert!(!is_met("node.ip==10.0.0.0/8", &node), "a node that told no address");
    }
}
