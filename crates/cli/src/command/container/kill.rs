//! `shoal kill`.

use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// Kill one or more running containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal kill [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string")]
    signal: Option<String>,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.containers, async |name| {
        client.done(Request::post(&path(name, "/kill")).query_some("signal", args.signal.as_ref())).await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
