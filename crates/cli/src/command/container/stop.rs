//! `shoal stop`.

use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// Stop one or more running containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal stop [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string")]
    signal: Option<String>,
    /// Seconds to wait before killing the container
    #[arg(short = 't', long, alias = "time", value_name = "int")]
    timeout: Option<i64>,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.containers, async |name| {
        let request = Request::post(&path(name, "/stop"))
            .query_some("signal", args.signal.as_ref())
            .query_some("t", args.timeout);
        client.done(request).await?;
        Ok(Some(name.to_owned()))
    })
    .await
}
