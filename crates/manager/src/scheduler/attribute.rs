//! What a node has under the key of a constraint or a spread preference.

use std::collections::HashMap;

use swarm_api::pb::{self, NodeRole};

/// What the node has under this key; empty for a label it lacks, `None` for a key that does not exist.
pub(super) fn of<'a>(key: &str, node: &'a pb::Node) -> Option<&'a str> {
    let description = node.description.as_ref();
    let labels = node.spec.as_ref().and_then(|spec| spec.annotations.as_ref()).map(|a| &a.labels);
    let lower = key.to_ascii_lowercase();
    match lower.as_str() {
        "node.id" => Some(&node.id),
        "node.hostname" => Some(description.map_or("", |description| &description.hostname)),
        "node.ip" => Some(node.status.as_ref().map_or("", |status| &status.addr)),
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

/// The kernel's and Go's names of one architecture are the same.
pub(super) fn same_architecture(one: &str, other: &str) -> bool {
    architecture(one).eq_ignore_ascii_case(architecture(other))
}

fn architecture(name: &str) -> &str {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("x86_64") || is("x86-64") {
        "amd64"
    } else if is("aarch64") {
        "arm64"
    } else {
        name
    }
}
