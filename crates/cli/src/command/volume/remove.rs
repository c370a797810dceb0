//! `shoal volume rm`.

use crate::client::{Client, Request, encode};
use crate::command::each::each;
use crate::error::Error;

/// Remove one or more volumes. You cannot remove a volume that is in use by a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume rm [OPTIONS] VOLUME [VOLUME...]")]
pub(crate) struct Args {
    /// Force the removal of one or more volumes
    #[arg(short, long)]
    force: bool,
    #[arg(value_name = "VOLUME", required = true, hide = true)]
    volumes: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.volumes, async |name| {
        let request = Request::delete(&format!("/volumes/{}", encode(name))).flag("force", args.force);
        client.done(request).await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
