//! `shoal diff`.

use serde::Deserialize;

use super::path;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::format::text::plain;

/// Inspect changes to files or directories on a container's filesystem
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal diff CONTAINER")]
pub(crate) struct Args {
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

/// One path that is not as the image has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    kind: u8,
    path: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    if args.container.is_empty() {
        return Err(Error::Usage("Container name cannot be empty".to_owned()));
    }
    // A daemon of another make says `null` when nothing changed.
    let changes: Option<Vec<Change>> = client.json(Request::get(&path(&args.container, "/changes"))).await?;
    let lines: String = changes
        .unwrap_or_default()
        .iter()
        .map(|change| format!("{} {}\n", letter(change.kind), plain(&change.path)))
        .collect();
    console::out(&lines)
}

/// The API's numbers of changes.
fn letter(kind: u8) -> char {
    match kind {
        0 => 'C',
        1 => 'A',
        2 => 'D',
        _ => '?',
    }
}
