//! `shoal restart`.

use super::ending::Ending;
use crate::client::Client;
use crate::error::Error;

/// Restart one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal restart [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    ending: Ending,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    args.ending.run("/restart", client).await
}
