//! `shoal checkpoint ls`.

use serde_json::Value;

use super::path;
use crate::client::{Client, Request};
use crate::command::listing::print;
use crate::error::Error;
use crate::format::list::{Columns, Layout, Row};

const COLUMNS: Columns = Columns { default: "{{.Name}}", headings: &[("Name", "CHECKPOINT NAME")] };

/// List checkpoints for a container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal checkpoint ls [OPTIONS] CONTAINER")]
pub(crate) struct Args {
    /// Use a custom checkpoint storage directory
    #[arg(long, value_name = "string")]
    checkpoint_dir: Option<String>,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let request = Request::get(&path(&args.container)).query_some("dir", args.checkpoint_dir);
    let found: Option<Vec<Value>> = client.json(request).await?;
    let row = |checkpoint: &Value| Row::default().with("Name", checkpoint["Name"].clone());
    let rows: Vec<Row> = found.unwrap_or_default().iter().map(row).collect();
    print(&Layout::Default, &COLUMNS, &rows)
}
