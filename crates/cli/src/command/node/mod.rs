//! Verbs on the nodes of a swarm.

mod inspect;
mod list;
mod remove;
mod role;
mod tasks;
mod update;

use clap::Subcommand;
use serde_json::Value;

use crate::client::{Client, Request, encode_path};
use crate::error::Error;

/// `shoal node …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Demote one or more nodes from manager in the swarm
    #[command(override_usage = "shoal node demote NODE [NODE...]")]
    Demote(role::Args),
    /// Display detailed information on one or more nodes
    Inspect(inspect::Args),
    /// List nodes in the swarm
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// Promote one or more nodes to manager in the swarm
    #[command(override_usage = "shoal node promote NODE [NODE...]")]
    Promote(role::Args),
    /// List tasks running on one or more nodes, defaults to current node
    Ps(tasks::Args),
    /// Remove one or more nodes from the swarm
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
    /// Update a node
    Update(update::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Demote(args) => role::run(args, "worker", client).await,
            Self::Inspect(args) => inspect::run(args, client).await,
            Self::Ls(args) => list::run(args, client).await,
            Self::Promote(args) => role::run(args, "manager", client).await,
            Self::Ps(args) => tasks::run(args, client).await,
            Self::Rm(args) => remove::run(args, client).await,
            Self::Update(args) => update::run(args, client).await,
        }
    }
}

/// `/nodes/NAME`; `self` is the node that is asked.
pub(super) async fn path(client: &Client, name: &str) -> Result<String, Error> {
    let name = if name == "self" { super::system::inspect::own_node(client).await? } else { name.to_owned() };
    Ok(format!("/nodes/{}", encode_path(&name)))
}

/// A node that was to be changed.
struct Changed {
    id: String,
    /// Whether there was anything to change.
    by_us: bool,
}

/// Reads the node's specification, lets `change` change it, writes it back if it says so.
async fn change(
    client: &Client,
    name: &str,
    change: impl FnOnce(&mut Value) -> Result<bool, Error>,
) -> Result<Changed, Error> {
    let path = path(client, name).await?;
    let mut node: Value = client.json(Request::get(&path)).await?;
    let version = node["Version"]["Index"].as_u64().unwrap_or(0);
    let id = node["ID"].as_str().unwrap_or(name).to_owned();
    if !change(&mut node["Spec"])? {
        return Ok(Changed { id, by_us: false });
    }
    client
        .done(Request::post(&format!("{path}/update")).query("version", version).json(&node["Spec"]))
        .await?;
    Ok(Changed { id, by_us: true })
}
