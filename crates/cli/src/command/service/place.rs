//! Where a service may run, and what of a node its tasks are to have for themselves.

use clap::Args;
use serde_json::{Value, json};

use super::edit::{list, texts};
use super::spec::at;
use crate::error::Error;
use crate::flag::{generic, spread};

const CONSTRAINTS: [&str; 3] = ["TaskTemplate", "Placement", "Constraints"];
const PREFERENCES: [&str; 3] = ["TaskTemplate", "Placement", "Preferences"];
const GENERIC: [&str; 4] = ["TaskTemplate", "Resources", "Reservations", "GenericResources"];

/// Flags of `service create`.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Placement constraints
    #[arg(long, value_name = "list")]
    constraint: Vec<String>,
    /// User defined resources
    #[arg(long, value_name = "list", value_parser = generic::parse)]
    generic_resource: Vec<generic::Generic>,
    /// Add a placement preference
    #[arg(long, value_name = "pref", value_parser = spread::parse)]
    placement_pref: Vec<String>,
}

/// Flags of `service update`.
#[derive(Debug, Args)]
pub(super) struct PlaceChanges {
    /// Add or update a placement constraint
    #[arg(long, value_name = "list")]
    constraint_add: Vec<String>,
    /// Remove a constraint
    #[arg(long, value_name = "list")]
    constraint_rm: Vec<String>,
    /// Add a Generic resource
    #[arg(long, value_name = "list", value_parser = generic::parse)]
    generic_resource_add: Vec<generic::Generic>,
    /// Remove a Generic resource
    #[arg(long, value_name = "list")]
    generic_resource_rm: Vec<String>,
    /// Add a placement preference
    #[arg(long, value_name = "pref", value_parser = spread::parse)]
    placement_pref_add: Vec<String>,
    /// Remove a placement preference
    #[arg(long, value_name = "pref", value_parser = spread::parse)]
    placement_pref_rm: Vec<String>,
}

impl Place {
    /// Sets what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        texts(spec, &CONSTRAINTS, &self.constraint, &[]);
        add_resources(spec, &self.generic_resource, &[]);
        list(spec, &PREFERENCES, preferences(&self.placement_pref), &[], &Value::clone);
    }
}

impl PlaceChanges {
    /// Removes, then adds, what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) -> Result<(), Error> {
        texts(spec, &CONSTRAINTS, &self.constraint_add, &self.constraint_rm);
        let gone = preferences(&self.placement_pref_rm);
        list(spec, &PREFERENCES, preferences(&self.placement_pref_add), &gone, &Value::clone);
        for kind in &self.generic_resource_rm {
            let known = at(spec, &GENERIC)
                .as_array()
                .is_some_and(|list| list.iter().any(|one| kind_of(one) == json!(kind)));
            if !known {
                let text = format!("could not find generic-resource `{kind}` to remove it");
                return Err(Error::Usage(text));
            }
        }
        let gone: Vec<Value> = self.generic_resource_rm.iter().map(|kind| json!(kind)).collect();
        add_resources(spec, &self.generic_resource_add, &gone);
        Ok(())
    }
}

fn preferences(keys: &[String]) -> Vec<Value> {
    keys.iter().map(|key| json!({"Spread": {"SpreadDescriptor": key}})).collect()
}

fn add_resources(spec: &mut Value, add: &[generic::Generic], gone: &[Value]) {
    let one = |wanted: &generic::Generic| json!({"DiscreteResourceSpec": {"Kind": wanted.kind, "Value": wanted.count}});
    list(spec, &GENERIC, add.iter().map(one).collect(), gone, &kind_of);
}

fn kind_of(resource: &Value) -> Value {
    resource["DiscreteResourceSpec"]["Kind"].clone()
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;

    #[test]
    fn places_are_as_docker_sends_them() {
        let mut spec = json!({});
        let flags = [
            "--constraint",
            "node.role==worker",
            "--placement-pref",
            "spread=node.labels.x",
            "--generic-resource",
            "gpu=2",
            "--generic-resource",
            "fpga=3",
        ];
        parsed::<Place>(&flags).apply(&mut spec);
        let want = json!({"TaskTemplate": {
            "Placement": {
                "Constraints": ["node.role==worker"],
                "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.x"}}],
            },
            "Resources": {"Reservations": {"GenericResources": [
                {"DiscreteResourceSpec": {"Kind": "gpu", "Value": 2}}, {"DiscreteResourceSpec": {"Kind": "fpga", "Value": 3}},
            ]}},
        }});
        assert_eq!(spec, want);
        let flags = [
            "--placement-pref-rm",
            "spread=node.labels.x",
            "--placement-pref-add",
            "spread=node.labels.y",
            "--generic-resource-rm",
            "fpga",
            "--generic-resource-add",
            "gpu=5",
            "--constraint-rm",
            "node.role==worker",
        ];
        parsed::<PlaceChanges>(&flags).apply(&mut spec).unwrap();
        let want = json!({"TaskTemplate": {
            "Placement": {"Constraints": [], "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.y"}}]},
            "Resources": {"Reservations": {"GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 5}}]}},
        }});
        assert_eq!(spec, want);
        let error = parsed::<PlaceChanges>(&["--generic-resource-rm", "tape"]).apply(&mut spec).unwrap_err();
        assert!(error.to_string().contains("could not find generic-resource `tape`"), "{error}");
    }
}
