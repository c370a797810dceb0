//! `shoal network prune`.

use serde_json::Value;

use crate::client::{Client, Request};
use crate::command::confirm::confirm;
use crate::command::prune::Pruning;
use crate::console;
use crate::error::Error;
use crate::flag::pair;

/// Remove all unused networks
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network prune [OPTIONS]")]
pub(crate) struct Args {
    #[command(flatten)]
    pruning: Pruning,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    const WARNING: &str = "This will remove all custom networks not used by at least one container.";
    if !args.pruning.force && !confirm(WARNING)? {
        return Ok(());
    }
    let filters = Some(pair::filters(&args.pruning.filter));
    let pruned: Value = client.json(Request::post("/networks/prune").query_some("filters", filters)).await?;
    let gone = pruned["NetworksDeleted"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let gone: Vec<&str> = gone.collect();
    // Networks take no room that could be told.
    if gone.is_empty() { Ok(()) } else { console::line(&format!("Deleted Networks:\n{}\n", gone.join("\n"))) }
}
