//! `shoal volume ls`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::format::list::{Columns, Row};
use crate::format::unit;

const COLUMNS: Columns = Columns {
    default: "{{.Driver}}\t{{.Name}}",
    headings: &[
        ("Name", "VOLUME NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
        ("Availability", "AVAILABILITY"),
        ("Group", "GROUP"),
        ("Status", "STATUS"),
    ],
};
/// What Docker's list says of what only disk usage and cluster volumes have.
const UNKNOWN: &str = "N/A";

/// List volumes
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume ls [OPTIONS]")]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.listing.layout_or(client.config().format("volumes"), "{{.Name}}")?;
    let request = Request::get("/volumes").query_some("filters", Some(args.listing.filters()));
    let mut found: Value = client.json(request).await?;
    let mut volumes: Vec<Value> = match found["Volumes"].take() {
        Value::Array(volumes) => volumes,
        _ => Vec::new(),
    };
    volumes.sort_by_key(|volume| volume["Name"].as_str().unwrap_or_default().to_owned());
    let rows: Vec<Row> = volumes.iter().map(row).collect();
    print(&layout, &COLUMNS, &rows)
}

fn row(volume: &Value) -> Row {
    let text = |name: &str| volume[name].as_str().unwrap_or_default();
    let labels: BTreeMap<String, String> =
        serde_json::from_value(volume["Labels"].clone()).unwrap_or_default();
    let usage = &volume["UsageData"];
    let size = usage["Size"].as_u64().map_or_else(|| UNKNOWN.to_owned(), unit::size);
    let links = usage["RefCount"].as_i64().map_or_else(|| UNKNOWN.to_owned(), |count| count.to_string());
    [("Availability", UNKNOWN), ("Group", UNKNOWN), ("Status", UNKNOWN)]
        .into_iter()
        .chain(["Name", "Driver", "Scope", "Mountpoint"].map(|name| (name, text(name))))
        .fold(Row::default().with("Size", size).with("Links", links), |row, (name, value)| {
            row.with(name, value)
        })
        .labels(labels.iter())
}
