//! `shoal top`.

use serde::Deserialize;

use super::path;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::format::tab;

/// The narrowest column, as Docker prints this table.
const MIN_WIDTH: usize = 20;

/// Display the running processes of a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal top CONTAINER [ps OPTIONS]")]
pub(crate) struct Args {
    #[arg(
        value_name = "CONTAINER",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    words: Vec<String>,
}

/// The table as the daemon makes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Table {
    titles: Vec<String>,
    processes: Vec<Vec<String>>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let Some((name, options)) = args.words.split_first() else { return Ok(()) };
    let options = Some(options.join(" "));
    let found: Table = client.json(Request::get(&path(name, "/top")).query_some("ps_args", options)).await?;
    let lines: Vec<String> =
        std::iter::once(&found.titles).chain(&found.processes).map(|cells| cells.join("\t")).collect();
    console::out(&tab::align(&lines.join("\n"), MIN_WIDTH))
}
