//! `shoal image prune`.

use engine_api::image::ImagePruneResponse;

use super::remove::lines;
use crate::client::{Client, Request};
use crate::command::confirm::confirm;
use crate::command::prune::Pruning;
use crate::console;
use crate::error::Error;
use crate::flag::pair;
use crate::format::unit;

/// Remove unused images
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal image prune [OPTIONS]")]
pub(crate) struct Args {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    pruning: Pruning,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let warning = match args.all {
        true => "This will remove all images without at least one container associated to them.",
        false => "This will remove all dangling images.",
    };
    if !args.pruning.force && !confirm(warning)? {
        return Ok(());
    }
    let freed = prune(client, args.all, args.pruning.filter).await?;
    console::line(&format!("Total reclaimed space: {}", unit::size(freed)))
}

/// Prunes, tells what went, and gives the bytes.
pub(in crate::command) async fn prune(
    client: &Client,
    all: bool,
    mut filter: Vec<(String, String)>,
) -> Result<u64, Error> {
    filter.push(("dangling".to_owned(), (!all).to_string()));
    let request = Request::post("/images/prune").query_some("filters", Some(pair::filters(&filter)));
    let pruned: ImagePruneResponse = client.json(request).await?;
    let deleted = pruned.images_deleted.unwrap_or_default();
    if !deleted.is_empty() {
        let lines = lines(&deleted).replace("Untagged: ", "untagged: ").replace("Deleted: ", "deleted: ");
        console::line(&format!("Deleted Images:\n{lines}\n"))?;
    }
    Ok(pruned.space_reclaimed)
}
