//! `shoal container prune`.

use crate::client::Client;
use crate::command::prune::Pruning;
use crate::error::Error;

/// Remove all stopped containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal container prune [OPTIONS]")]
pub(crate) struct Args {
    #[command(flatten)]
    pruning: Pruning,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let warning = "This will remove all stopped containers.";
    args.pruning.run(client, warning, "/containers/prune", "ContainersDeleted", "Deleted Containers").await
}
