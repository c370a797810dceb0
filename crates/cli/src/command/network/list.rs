//! `shoal network ls`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::format::list::{Columns, Row};

const COLUMNS: Columns = Columns {
    default: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    headings: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
};
/// How many digits of an id are shown.
const SHORT_ID: usize = 12;

/// List networks
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network ls [OPTIONS]")]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
    /// Do not truncate the output
    #[arg(long)]
    no_trunc: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.listing.layout_or(client.config().format("networks"), "{{.ID}}")?;
    let request = Request::get("/networks").query_some("filters", Some(args.listing.filters()));
    let mut networks: Vec<Value> = client.json(request).await?;
    networks.sort_by_key(|network| network["Name"].as_str().unwrap_or_default().to_owned());
    let rows: Vec<Row> = networks.iter().map(|network| row(network, args.no_trunc)).collect();
    print(&layout, &COLUMNS, &rows)
}

fn row(network: &Value, whole: bool) -> Row {
    let text = |name: &str| network[name].as_str().unwrap_or_default();
    let switch = |name: &str, absent: bool| network[name].as_bool().unwrap_or(absent).to_string();
    let id = text("Id");
    let id = if whole { id } else { id.get(..SHORT_ID).unwrap_or(id) };
    let labels: BTreeMap<String, String> =
        serde_json::from_value(network["Labels"].clone()).unwrap_or_default();
    ["Name", "Driver", "Scope"]
        .into_iter()
        .fold(Row::default().with("ID", id), |row, name| row.with(name, text(name)))
        .with("CreatedAt", text("Created"))
        .with("Internal", switch("Internal", false))
        // Daemons that do not say have no networks without it.
        .with("IPv4", switch("EnableIPv4", true))
        .with("IPv6", switch("EnableIPv6", false))
        .labels(labels.iter())
}
