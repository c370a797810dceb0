//! `shoal unpause`.

use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// Unpause all processes within one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal unpause CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.containers, async |name| {
        client.done(Request::post(&path(name, "/unpause"))).await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
