//! `shoal secret ls`, `shoal config ls`.

use engine_api::Timestamp;
use engine_api::swarm::File;
use time::OffsetDateTime;

use super::Kind;
use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::format::list::{Columns, Row};
use crate::format::unit;

const HEADINGS: &[(&str, &str)] = &[
    ("ID", "ID"),
    ("Name", "NAME"),
    ("Driver", "DRIVER"),
    ("CreatedAt", "CREATED"),
    ("UpdatedAt", "UPDATED"),
    ("Labels", "LABELS"),
];
const SECRETS: Columns = Columns {
    default: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
    headings: HEADINGS,
};
const CONFIGS: Columns =
    Columns { default: "{{.ID}}\t{{.Name}}\t{{.CreatedAt}}\t{{.UpdatedAt}}", headings: HEADINGS };

/// The arguments of both.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
}

pub(super) async fn run(args: Args, kind: Kind, client: &Client) -> Result<(), Error> {
    let (list, columns) = match kind {
        Kind::Secret => ("secret", &SECRETS),
        Kind::Config => ("config", &CONFIGS),
    };
    let layout = args.listing.layout_or(client.config().format(list), "{{.ID}}")?;
    let request = Request::get(kind.path()).query_some("filters", Some(args.listing.filters()));
    let mut files: Vec<File> = client.json(request).await?;
    files.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
    let now = OffsetDateTime::now_utc();
    let rows: Vec<Row> = files.iter().map(|file| row(file, now)).collect();
    print(&layout, columns, &rows)
}

fn row(file: &File, now: OffsetDateTime) -> Row {
    Row::default()
        .with("ID", file.id.as_str())
        .with("Name", file.spec.name.as_str())
        .with("Driver", "")
        .with("CreatedAt", ago(file.created_at, now))
        .with("UpdatedAt", ago(file.updated_at, now))
        .labels(file.spec.labels.iter())
}

fn ago(then: Timestamp, now: OffsetDateTime) -> String {
    let then = then.ns().and_then(|ns| OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).ok());
    then.map_or_else(|| "N/A".to_owned(), |then| unit::ago(then, now))
}
