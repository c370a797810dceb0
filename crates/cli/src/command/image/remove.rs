//! `shoal rmi`.

use engine_api::image::ImageDeleteResponseItem;

use crate::client::{Client, Request, encode_path};
use crate::command::each::each;
use crate::error::Error;

/// Remove one or more images
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal rmi [OPTIONS] IMAGE [IMAGE...]")]
pub(crate) struct Args {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// Do not delete untagged parents
    #[arg(long)]
    no_prune: bool,
    #[arg(value_name = "IMAGE", required = true, hide = true)]
    images: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.images, async |name| {
        let request = Request::delete(&format!("/images/{}", encode_path(name)))
            .flag("force", args.force)
            .flag("noprune", args.no_prune);
        match client.json::<Vec<ImageDeleteResponseItem>>(request).await {
            Err(error) if args.force && error.is_not_found() => {
                crate::console::note(&error.to_string());
                Ok(None)
            }
            removed => Ok(Some(lines(&removed?)).filter(|text| !text.is_empty())),
        }
    })
    .await
}

/// The effects of a removal, one per line.
pub(super) fn lines(items: &[ImageDeleteResponseItem]) -> String {
    let untagged =
        |item: &ImageDeleteResponseItem| item.untagged.as_ref().map(|name| format!("Untagged: {name}"));
    let deleted = |item: &ImageDeleteResponseItem| item.deleted.as_ref().map(|id| format!("Deleted: {id}"));
    items.iter().flat_map(|item| [untagged(item), deleted(item)]).flatten().collect::<Vec<_>>().join("\n")
}
