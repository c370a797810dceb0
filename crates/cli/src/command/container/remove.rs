//! `shoal rm`.

use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;

/// Remove one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal rm [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    /// Remove the specified link
    #[arg(short, long)]
    link: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short, long)]
    volumes: bool,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.containers, async |name| {
        let name = name.trim_matches('/');
        let request = Request::delete(&path(name, ""))
            .flag("v", args.volumes)
            .flag("link", args.link)
            .flag("force", args.force);
        match client.done(request).await {
            // As with `rm -f`: what is not there need not be removed, but is told.
            Err(error) if args.force && error.is_not_found() => {
                crate::console::note(&error.to_string());
                Ok(None)
            }
            done => done.map(|()| Some(name.to_owned())),
        }
    })
    .await
}
