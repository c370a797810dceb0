//! `shoal rename`.

use super::path;
use crate::client::{Client, Request};
use crate::error::Error;

/// Rename a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal rename CONTAINER NEW_NAME")]
pub(crate) struct Args {
    #[arg(value_name = "CONTAINER", hide = true)]
    old: String,
    #[arg(value_name = "NEW_NAME", hide = true)]
    new: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let (old, new) = (args.old.trim(), args.new.trim());
    if old.is_empty() || new.is_empty() {
        return Err(Error::Usage("Error: Neither old nor new names may be empty".to_owned()));
    }
    client.done(Request::post(&path(old, "/rename")).query("name", new)).await
}
