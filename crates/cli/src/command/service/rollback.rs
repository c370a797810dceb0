//! `shoal service rollback`.

use super::{current, write};
use crate::client::Client;
use crate::console;
use crate::error::Error;
use crate::progress::watch::{self, Change};

/// Revert changes to a service's configuration
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service rollback [OPTIONS] SERVICE")]
pub(crate) struct Args {
    /// Exit immediately instead of waiting for the service to converge
    #[arg(short, long)]
    detach: bool,
    /// Suppress progress output
    #[arg(short, long)]
    quiet: bool,
    #[arg(value_name = "SERVICE", hide = true)]
    service: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let service = current(client, &args.service).await?;
    write(client, &service, true, None).await?;
    console::line(&args.service)?;
    if args.detach {
        return Ok(());
    }
    watch::until_converged(client, &service.id, Change::Rollback, args.quiet).await
}
