//! `shoal checkpoint rm`.

use super::path;
use crate::client::{Client, Request, encode};
use crate::error::Error;

/// Remove a checkpoint
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal checkpoint rm [OPTIONS] CONTAINER CHECKPOINT")]
pub(crate) struct Args {
    /// Use a custom checkpoint storage directory
    #[arg(long, value_name = "string")]
    checkpoint_dir: Option<String>,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
    #[arg(value_name = "CHECKPOINT", hide = true)]
    checkpoint: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let path = format!("{}/{}", path(&args.container), encode(&args.checkpoint));
    client.done(Request::delete(&path).query_some("dir", args.checkpoint_dir)).await
}
