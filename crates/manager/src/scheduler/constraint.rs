//! Placement constraints: `key == value` or `key != value`, as Docker documents them.

use std::collections::HashMap;

use swarm_api::pb::{self, NodeRole};

/// Whether the node meets the constraint. One that cannot be read is met by none: control refuses such specs,
/// so it can only come from another version.
pub(super) fn is_met(constraint: &str, node: &pb::Node) -> bool {
    let equal = constraint.split_once("==").map(|(key, value)| (key, value, true));
    let Some((key, value, wanted)) =
        equal.or_else(|| constraint.split_once("!=").map(|(key, value)| (key, value, false)))
    else {
        return false;
    };
    match attribute(key.trim(), node) {
        Some(actual) => same(key.trim(), actual, value.trim()) == wanted,
        None => false,
    }
}

/// What the node has under this key; empty for a label it lacks, `None` for a key that does not exist.
fn attribute<'a>(key: &str, node: &'a pb::Node) -> Option<&'a str> {
    let description = node.description.as_ref();
    let labels = node.spec.as_ref().and_then(|spec| spec.annotations.as_ref()).map(|a| &a.labels);
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        "node.id" => Some(&node.id),
        "node.hostname" => Some(description.map_or("", |description| &description.hostname)),
        "node.platform.os" => Some(description.map_or("", |description| &description.os)),
        "node.platform.arch" => Some(description.map_or("", |description| &description.architecture)),
        "node.role" => Some(match node.spec.as_ref().map(pb::NodeSpec::role) {
            Some(NodeRole::Manager) => "manager",
            Some(NodeRole::Worker) | None => "worker",
        }),
        _ => prefixed(key, &lower, "node.labels.").map(|name| label(labels, name)).or_else(|| {
            let labels = description.map(|description| &description.engine_labels);
            prefixed(key, &lower, "engine.labels.").map(|name| label(labels, name))
        }),
    }
}

fn prefixed<'k>(key: &'k str, lower: &str, prefix: &str) -> Option<&'k str> {
    lower.starts_with(prefix).then(|| &key[prefix.len()..])
}

fn label<'a>(labels: Option<&'a HashMap<String, String>>, name: &str) -> &'a str {
    labels.and_then(|labels| labels.get(name)).map_or("", String::as_str)
}

fn same(key: &str, actual: &str, value: &str) -> bool {
    if key.eq_ignore_ascii_case("node.platform.arch") {
        return architecture(actual) == architecture(value);
    }
    // As swarmkit: values are compared without regard to case.
    actual.eq_ignore_ascii_case(value)
}

/// The kernel's and Go's names of one architecture are the same.
fn architecture(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "x86_64" | "x86-64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_read_the_attributes_of_a_node() {
        let node = pb::Node {
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
            ..Default::default()
        };
        for met in [
            "node.id==n1",
            "node.hostname == ALPHA",
            "node.hostname != beta",
            "node.role==manager",
            "node.labels.Zone==east",
            "node.labels.other!=x",
            "node.platform.arch==amd64",
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
}
