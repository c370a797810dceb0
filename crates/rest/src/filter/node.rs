//! Which nodes a list shows.

use engine_api::Filters;
use swarm_api::pb;

use super::{known, label, passes};
use crate::convert;
use crate::failure::Failure;

const NAMES: [&str; 6] = ["id", "label", "membership", "name", "node.label", "role"];

/// Whether a node has been let into the swarm.
const MEMBERSHIPS: [&str; 2] = [ACCEPTED, "pending"];
const ACCEPTED: &str = "accepted";

/// Filters of the list of nodes.
#[derive(Debug)]
pub(crate) struct Filter(Filters);

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        if let Some(role) = filters.get("role").iter().find(|role| convert::node::role(role).is_err()) {
            return Err(Failure::invalid(format!("Invalid role filter: '{role}'")));
        }
        let is_membership = |word: &str| MEMBERSHIPS.iter().any(|known| known.eq_ignore_ascii_case(word));
        if let Some(word) = filters.get("membership").iter().find(|word| !is_membership(word)) {
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
            && passes(self.0.get("role"), |wish| {
                spec.is_some_and(|spec| wish.eq_ignore_ascii_case(convert::node::role_word(spec.role())))
            })
            // Who holds a certificate has been accepted.
            && passes(self.0.get("membership"), |wish| wish.eq_ignore_ascii_case(ACCEPTED))
            && self.0.get("node.label").iter().all(|wish| label::fits_one(wish, node_label))
            && self.0.get("label").iter().all(|wish| label::fits_one(wish, engine_label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_api_are_taken_in_capitals_too() {
        let spec = pb::NodeSpec { role: pb::NodeRole::Manager.into(), ..Default::default() };
        let manager = pb::Node { spec: Some(spec), ..Default::default() };
        let filter = |text: &str| Filter::new(Filters::parse(text).expect("filters"));
        for (text, shown) in [
            (r#"{"role":["MANAGER"]}"#, true),
            (r#"{"role":["Worker"]}"#, false),
            (r#"{"membership":["ACCEPTED"]}"#, true),
            (r#"{"membership":["Pending"]}"#, false),
        ] {
            assert_eq!(filter(text).expect(text).shows(&manager), shown, "{text}");
        }
        for text in [r#"{"role":["boss"]}"#, r#"{"membership":["asked"]}"#] {
            assert_eq!(filter(text).expect_err(text).status.as_u16(), 400);
        }
    }
}
