//! `shoal network rm`.

use crate::client::{Client, Request, encode};
use crate::command::each::each;
use crate::error::Error;

/// Remove one or more networks
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network rm [OPTIONS] NETWORK [NETWORK...]")]
pub(crate) struct Args {
    /// Do not error if the network does not exist
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "NETWORK", required = true, hide = true)]
    networks: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.networks, async |name| {
        match client.done(Request::delete(&format!("/networks/{}", encode(name)))).await {
            Err(Error::Daemon { status: 404, .. }) if args.force => Ok(None),
            removed => removed.map(|()| Some(name.to_owned())),
        }
    })
    .await
}
