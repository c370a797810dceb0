//! `shoal stop`.

use super::ending::Ending;
use crate::client::Client;
use crate::error::Error;

/// Stop one or more running containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal stop [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    ending: Ending,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    args.ending.run("/stop", client).await
}
