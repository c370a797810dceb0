//! Which nodes a list shows.

use engine_api::Filters;
use swarm_api::pb;

use super::{known, label, passes};
use crate::convert;
use crate::failure::Failure;

const NAMES: [&str; 6] = ["id", "label", "membership", "name", "node.label", "role"];

/// Filters of the list of nodes.
#[derive(Debug)]
pub(crate) struct Filter(Filters);

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        if let Some(role) = filters.get("role").iter().find(|role| convert::node::role(role).is_err()) {
            return Err(Failure::invalid(format!("Invalid role filter: '{role}'")));
        }
        if let Some(word) =
            filters.get("membership").iter().find(|v| !matches!(v.as_str(), "accepted" | "pending"))
        {
            return Err(Failure::invalid(format!("Invalid membership filter: '{word}'")));
        }
        Ok(Self(filters))
    }

    /// Whether the list shows a node.
    pub(crate) fn shows(&self, node: &pb::Node) -> bool {
        let (spec, description) = (node.spec.as_ref(), node.description.as_ref());
        let annotations = spec.and_then(|spec| spec.annotations.as_ref());
        let hostname = description.map_or("", |description| description.hostname.as_str());
        let name = annotations.map_or("", |annotations| annotations.name.as_str());
        let node_label =
            |name: &str| annotations.and_then(|annotations| annotations.labels.get(name)).map(String::as_str);
        let engine_label = |name: &str| {
            description.and_then(|description| description.engine_labels.get(name)).map(String::as_str)
        };
        passes(self.0.get("id"), |wish| node.id.starts_with(wish.as_str()))
            && passes(self.0.get("name"), |wish| hostname.starts_with(wish.as_str()) || name.starts_with(wish.as_str()))
            && passes(self.0.get("role"), |wish| spec.is_some_and(|s| convert::node::role_word(s.role()) == wish))
            // Who holds a certificate has been accepted.
            && passes(self.0.get("membership"), |wish| wish == "accepted")
            && self.0.get("node.label").iter().all(|wish| label::fits_one(wish, node_label))
            && self.0.get("label").iter().all(|wish| label::fits_one(wish, engine_label))
    }
}
