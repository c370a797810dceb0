//! `shoal secret rm`, `shoal config rm`.

use super::Kind;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// The arguments of both.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "NAME", required = true, hide = true)]
    names: Vec<String>,
}

pub(super) async fn run(args: Args, kind: Kind, client: &Client) -> Result<(), Error> {
    each(&args.names, async |name| {
        client.done(Request::delete(&kind.path_of(name))).await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
