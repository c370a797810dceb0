//! The networks of a service: flags, and how they change a specification. A flag names a network; a specification that was
//! written by another client has its id instead, so an update asks the daemon for it.

use clap::Args;
use serde_json::{Value, json};

use super::edit::list;
use super::spec::at;
use crate::client::{Client, Request, encode_path};
use crate::error::Error;
use crate::flag::attachment::{self, Attachment};

const NETWORKS: [&str; 2] = ["TaskTemplate", "Networks"];

/// Flags of `service create`.
#[derive(Debug, Args)]
pub(super) struct Networks {
    /// Network attachments
    #[arg(long, value_name = "network", value_parser = attachment::parse)]
    network: Vec<Attachment>,
}

/// Flags of `service update`.
#[derive(Debug, Args)]
pub(super) struct NetworkChanges {
    /// Add a network
    #[arg(long, value_name = "network", value_parser = attachment::parse)]
    network_add: Vec<Attachment>,
    /// Remove a network
    #[arg(long, value_name = "list")]
    network_rm: Vec<String>,
}

impl Networks {
    /// Sets what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        add(spec, &self.network);
    }
}

impl NetworkChanges {
    /// Removes, then adds, what the flags say.
    pub(super) async fn apply(&self, client: &Client, spec: &mut Value) -> Result<(), Error> {
        let mut gone = Vec::new();
        for name in &self.network_rm {
            let network: Value =
                client.json(Request::get(&format!("/networks/{}", encode_path(name)))).await?;
            gone.extend([json!(name), network["Id"].clone(), network["Name"].clone()]);
        }
        list(spec, &NETWORKS, Vec::new(), &gone, &target);
        for wanted in &self.network_add {
            let name = &wanted.name;
            let network: Value =
                client.json(Request::get(&format!("/networks/{}", encode_path(name)))).await?;
            let names = [json!(name), network["Id"].clone(), network["Name"].clone()];
            let known = at(spec, &NETWORKS).as_array().cloned().unwrap_or_default();
            if known.iter().any(|one| names.contains(&target(one))) {
                return Err(Error::Usage(format!("service is already attached to network {name}")));
            }
        }
        add(spec, &self.network_add);
        Ok(())
    }
}

fn add(spec: &mut Value, wanted: &[Attachment]) {
    list(spec, &NETWORKS, wanted.iter().map(to_json).collect(), &[], &target);
}

fn to_json(wanted: &Attachment) -> Value {
    let mut one = json!({"Target": wanted.name});
    if !wanted.aliases.is_empty() {
        one["Aliases"] = json!(wanted.aliases);
    }
    if !wanted.options.is_empty() {
        one["DriverOpts"] = json!(wanted.options);
    }
    one
}

fn target(attachment: &Value) -> Value {
    attachment["Target"].clone()
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;

    #[test]
    fn networks_are_as_docker_sends_them() {
        let mut spec = json!({});
        parsed::<Networks>(&["--network", "back", "--network", "name=front,alias=w,driver-opt=a=b"])
            .apply(&mut spec);
        let want =
            json!([{"Target": "back"}, {"Target": "front", "Aliases": ["w"], "DriverOpts": {"a": "b"}}]);
        assert_eq!(spec["TaskTemplate"]["Networks"], want);
    }
}
