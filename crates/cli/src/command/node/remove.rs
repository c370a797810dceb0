//! `shoal node rm`.

use crate::client::{Client, Request, encode_path};
use crate::command::each::each;
use crate::error::Error;

/// Remove one or more nodes from the swarm
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal node rm [OPTIONS] NODE [NODE...]")]
pub(crate) struct Args {
    /// Force remove a node from the swarm
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "NODE", required = true, hide = true)]
    nodes: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.nodes, async |name| {
        client
            .done(Request::delete(&format!("/nodes/{}", encode_path(name))).flag("force", args.force))
            .await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
