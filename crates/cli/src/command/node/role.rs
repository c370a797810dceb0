//! `shoal node promote` and `shoal node demote`.

use serde_json::json;

use super::change;
use crate::client::Client;
use crate::console;
use crate::error::Error;

/// Promote or demote one or more nodes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "NODE", required = true, hide = true)]
    nodes: Vec<String>,
}

pub(super) async fn run(args: Args, role: &str, client: &Client) -> Result<(), Error> {
    // Docker's client gives up at the first that does not succeed.
    for name in &args.nodes {
        let changed = change(client, name, |spec| {
            let changes = spec["Role"] != json!(role);
            spec["Role"] = json!(role);
            Ok(changes)
        })
        .await?;
        console::line(&match (changed.by_us, role) {
            (false, _) => format!("Node {} is already a {role}.", changed.id),
            (true, "manager") => format!("Node {name} promoted to a manager in the swarm."),
            (true, _) => format!("Manager {name} demoted in the swarm."),
        })?;
    }
    Ok(())
}
