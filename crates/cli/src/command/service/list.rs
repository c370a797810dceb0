//! `shoal service ls`.

use engine_api::swarm::Service;

use super::{mode, ports};
use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::format::list::{Columns, Row};
use crate::format::text::short_id;

const COLUMNS: Columns = Columns {
    default: "{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}",
    headings: &[
        ("ID", "ID"),
        ("Name", "NAME"),
        ("Mode", "MODE"),
        ("Replicas", "REPLICAS"),
        ("Image", "IMAGE"),
        ("Ports", "PORTS"),
        ("Labels", "LABELS"),
    ],
};

/// List services
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service ls [OPTIONS]")]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.listing.layout()?;
    let request =
        Request::get("/services").query("status", true).query_some("filters", Some(args.listing.filters()));
    let mut services: Vec<Service> = client.json(request).await?;
    services.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    let rows: Vec<Row> = services.iter().map(row).collect();
    print(&layout, &COLUMNS, &rows)
}

/// The image without the digest that pins it, where it has a tag.
pub(super) fn image(image: &str) -> &str {
    image.split_once('@').map_or(image, |(name, _)| name)
}

fn row(service: &Service) -> Row {
    Row::default()
        .with("ID", short_id(&service.id))
        .with("Name", service.spec.name.as_str())
        .with("Mode", mode::word(&service.spec.mode))
        .with("Replicas", mode::replicas(service))
        .with("Image", image(&service.spec.task_template.container_spec.image))
        .with("Ports", ports::display(&service.endpoint.ports))
        .labels(service.spec.labels.iter())
}
