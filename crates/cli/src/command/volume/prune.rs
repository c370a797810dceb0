//! `shoal volume prune`.

use crate::client::Client;
use crate::command::prune::Pruning;
use crate::error::Error;

/// Remove unused local volumes
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume prune [OPTIONS]")]
pub(crate) struct Args {
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    pruning: Pruning,
}

pub(super) async fn run(mut args: Args, client: &Client) -> Result<(), Error> {
    let warning = if args.all {
        if args.pruning.filter.iter().any(|(name, _)| name == "all") {
            return Err(Error::Usage(
                "conflicting options: cannot specify both --all and --filter all=1".to_owned(),
            ));
        }
        args.pruning.filter.push(("all".to_owned(), "true".to_owned()));
        "This will remove all local volumes not used by at least one container."
    } else {
        "This will remove anonymous local volumes not used by at least one container."
    };
    args.pruning.run(client, warning, "/volumes/prune", "VolumesDeleted", "Deleted Volumes").await
}
