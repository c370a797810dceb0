//! `shoal logs`.

use super::path;
use crate::attachment::Sinks;
use crate::client::{Client, Request};
use crate::error::Error;
use crate::flag::moment;

/// Fetch the logs of a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal logs [OPTIONS] CONTAINER")]
pub(crate) struct Args {
    /// Show extra details provided to logs
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
    /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", value_parser = moment::parse)]
    since: Option<String>,
    /// Number of lines to show from the end of the logs
    #[arg(short = 'n', long, value_name = "string", default_value = "all")]
    tail: String,
    /// Show timestamps
    #[arg(short, long)]
    timestamps: bool,
    /// Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", value_parser = moment::parse)]
    until: Option<String>,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let request = Request::get(&path(&args.container, "/logs"))
        .query("stdout", 1)
        .query("stderr", 1)
        .flag("follow", args.follow)
        .flag("timestamps", args.timestamps)
        .flag("details", args.details)
        .query_some("since", args.since)
        .query_some("until", args.until)
        .query("tail", args.tail);
    let mut answer = client.send(request).await?;
    let framed = match answer.header("content-type") {
        Some("application/vnd.docker.multiplexed-stream") => true,
        // Raw, or a daemon of an older API, which says raw in any case; the container knows.
        _ => !super::attach::inspect(client, &args.container).await?.config.tty,
    };
    let mut sinks = Sinks::new(framed, true, true);
    while let Some(data) = answer.chunk().await? {
        sinks.write(&data).await?;
    }
    Ok(())
}
