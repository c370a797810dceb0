//! `shoal network disconnect`.

use serde_json::json;

use crate::client::{Client, Request, encode};
use crate::error::Error;

/// Disconnect a container from a network
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network disconnect [OPTIONS] NETWORK CONTAINER")]
pub(crate) struct Args {
    /// Force the container to disconnect from a network
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "NETWORK", required = true, hide = true)]
    network: String,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    container: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let body = json!({"Container": args.container, "Force": args.force});
    let path = format!("/networks/{}/disconnect", encode(&args.network));
    client.done(Request::post(&path).json(&body)).await
}
