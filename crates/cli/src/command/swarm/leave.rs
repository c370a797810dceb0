//! `shoal swarm leave`.

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;

/// Leave the swarm
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm leave [OPTIONS]")]
pub(crate) struct Args {
    /// Force this node to leave the swarm, ignoring warnings
    #[arg(short, long)]
    force: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    client.done(Request::post("/swarm/leave").flag("force", args.force)).await?;
    console::line("Node left the swarm.")
}
