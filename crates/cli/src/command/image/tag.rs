//! `shoal tag`.

use super::split;
use crate::client::{Client, Request, encode_path};
use crate::error::Error;
use crate::flag::FlagError;

/// Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]")]
pub(crate) struct Args {
    #[arg(value_name = "SOURCE_IMAGE", hide = true)]
    source: String,
    #[arg(value_name = "TARGET_IMAGE", hide = true)]
    target: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let (name, tag) = split(&args.target);
    if args.target.contains('@') {
        return Err(FlagError::Reference { input: args.target.clone() }.into());
    }
    let request = Request::post(&format!("/images/{}/tag", encode_path(&args.source))).query("repo", name);
    client.done(request.query("tag", tag.unwrap_or("latest"))).await
}
