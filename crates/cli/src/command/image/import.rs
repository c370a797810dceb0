//! `shoal import`.

use super::{load, split};
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::progress::message;

/// Import the contents from a tarball to create a filesystem image
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]")]
pub(crate) struct Args {
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Set commit message for imported image
    #[arg(short, long, value_name = "string")]
    message: Option<String>,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    #[arg(value_name = "file|URL|-", hide = true)]
    source: String,
    #[arg(value_name = "REPOSITORY", hide = true)]
    repository: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let (name, tag) = args.repository.as_deref().map_or((None, None), |repository| {
        let (name, tag) = split(repository);
        (Some(name), tag)
    });
    let remote = args.source.starts_with("http://") || args.source.starts_with("https://");
    let mut request = Request::post("/images/create")
        .query("fromSrc", if remote { &args.source } else { "-" })
        .query_some("repo", name)
        .query_some("tag", tag)
        .query_some("message", args.message)
        .query_some("platform", args.platform);
    for change in &args.change {
        request = request.query("changes", change);
    }
    let request = match args.source.as_str() {
        _ if remote => request,
        "-" => request.stream(load::stream(tokio::io::stdin())),
        path => request.stream(load::file(path).await?),
    };
    let lines = client.send(request).await?.lines();
    message::show(lines, std::io::stdout(), console::is_terminal()).await
}
