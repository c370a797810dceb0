//! `shoal service rm`.

use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// Remove one or more services
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service rm SERVICE [SERVICE...]")]
pub(crate) struct Args {
    #[arg(value_name = "SERVICE", required = true, hide = true)]
    services: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.services, async |name| {
        client.done(Request::delete(&path(name))).await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
