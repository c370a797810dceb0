//! `shoal network inspect`.

use crate::client::Client;
use crate::command::system::inspect;
use crate::error::Error;

/// Display detailed information on one or more networks
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network inspect [OPTIONS] NETWORK [NETWORK...]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Verbose output for diagnostics (networks of one machine have nothing more to tell)
    #[arg(short, long)]
    verbose: bool,
    #[arg(value_name = "NETWORK", required = true, hide = true)]
    networks: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    inspect::kind(inspect::KindArgs::new(args.networks, args.format), "network", client).await
}
