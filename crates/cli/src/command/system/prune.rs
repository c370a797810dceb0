//! `shoal system prune`.

use serde_json::Value;

use crate::client::{Client, Request};
use crate::command::confirm::confirm;
use crate::command::image::prune as images;
use crate::command::prune::Pruning;
use crate::console;
use crate::error::Error;
use crate::flag::pair;
use crate::format::unit;

/// Remove unused data
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal system prune [OPTIONS]")]
pub(crate) struct Args {
    /// Remove all unused images not just dangling ones
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    pruning: Pruning,
    /// Prune anonymous volumes
    #[arg(long)]
    volumes: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    if args.volumes && args.pruning.filter.iter().any(|(name, _)| name == "until") {
        return Err(Error::Usage(
            "ERROR: The \"until\" filter is not supported with \"--volumes\"".to_owned(),
        ));
    }
    if !args.pruning.force && !confirm(&warning(&args))? {
        return Ok(());
    }
    let filters = || Some(pair::filters(&args.pruning.filter));
    let post = |path: &str| Request::post(path).query_some("filters", filters());
    let mut freed =
        told(client, post("/containers/prune"), "ContainersDeleted", "Deleted Containers").await?;
    freed += told(client, post("/networks/prune"), "NetworksDeleted", "Deleted Networks").await?;
    if args.volumes {
        freed += told(client, post("/volumes/prune"), "VolumesDeleted", "Deleted Volumes").await?;
    }
    freed += images::prune(client, args.all, args.pruning.filter.clone()).await?;
    let builds = post("/build/prune").flag("all", args.all);
    freed += told(client, builds, "CachesDeleted", "Deleted build cache objects").await?;
    console::line(&format!("Total reclaimed space: {}", unit::size(freed)))
}

fn warning(args: &Args) -> String {
    let mut kinds = vec!["all stopped containers", "all networks not used by at least one container"];
    if args.volumes {
        kinds.push("all anonymous volumes not used by at least one container");
    }
    kinds.extend(match args.all {
        true => ["all images without at least one container associated to them", "all build cache"],
        false => ["all dangling images", "unused build cache"],
    });
    let mut text = "This will remove:\n".to_owned();
    kinds.iter().for_each(|kind| text.push_str(&format!("  - {kind}\n")));
    if !args.pruning.filter.is_empty() {
        text.push_str("\n  Items to be pruned will be filtered with:\n");
        args.pruning.filter.iter().for_each(|(name, value)| text.push_str(&format!("  - {name}={value}\n")));
    }
    text
}

/// Prunes one kind, tells what went, and gives the bytes.
async fn told(client: &Client, request: Request, field: &str, title: &str) -> Result<u64, Error> {
    let pruned: Value = client.json(request).await?;
    let gone: Vec<&str> = pruned[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !gone.is_empty() {
        console::line(&format!("{title}:\n{}\n", gone.join("\n")))?;
    }
    Ok(pruned["SpaceReclaimed"].as_u64().unwrap_or(0))
}
