//! `shoal ps`.

use engine_api::container::ContainerSummary;
use time::OffsetDateTime;

use super::ports;
use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::format::list::{Columns, Row};
use crate::format::{text, unit};

const COLUMNS: Columns = Columns {
    default: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
    ],
};
const WITH_SIZE: &str =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";
/// Characters of a command and of a mount that are shown.
const MAX_COMMAND: usize = 20;
const MAX_MOUNT: usize = 15;

/// List containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal ps [OPTIONS]")]
pub(crate) struct Args {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    listing: Listing,
    /// Show n last created containers (includes all states)
    #[arg(short = 'n', long, value_name = "int", default_value_t = -1)]
    last: i64,
    /// Show the latest created container (includes all states)
    #[arg(short, long)]
    latest: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.listing.layout_or(client.config().format("ps"), "{{.ID}}")?;
    let limit = if args.latest { Some(1) } else { (args.last > 0).then_some(args.last) };
    let request = Request::get("/containers/json")
        .flag("all", args.all || limit.is_some())
        .query_some("limit", limit)
        .flag("size", args.size || args.listing.names(".Size"))
        .query_some("filters", Some(args.listing.filters()));
    let containers: Vec<ContainerSummary> = client.json(request).await?;
    let now = OffsetDateTime::now_utc();
    let rows: Vec<Row> = containers.iter().map(|container| row(container, args.no_trunc, now)).collect();
    let columns = if args.size { Columns { default: WITH_SIZE, ..COLUMNS } } else { COLUMNS };
    print(&layout, &columns, &rows)
}

fn row(container: &ContainerSummary, whole: bool, now: OffsetDateTime) -> Row {
    let created =
        OffsetDateTime::from_unix_timestamp(container.created).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let id = if whole { &container.id } else { text::short_id(&container.id) };
    let command =
        if whole { container.command.clone() } else { text::ellipsis(&container.command, MAX_COMMAND) };
    // A container that others link to has further names with a slash inside; tables show its own.
    let names = container
        .names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        .filter(|name| whole || !name.contains('/'));
    let mounts = container.mounts.iter().map(|mount| {
        let name = if mount.name.is_empty() { &mount.source } else { &mount.name };
        if whole { name.clone() } else { text::ellipsis(name, MAX_MOUNT) }
    });
    let local = container.mounts.iter().filter(|mount| mount.driver == "local").count();
    Row::default()
        .with("ID", id)
        .with("Names", names.collect::<Vec<_>>().join(","))
        .with("Image", image(container, whole))
        .with("Command", template::quote(&command))
        .with("CreatedAt", unit::date(created))
        .with("RunningFor", unit::ago(created, now))
        .with("Ports", ports::display(&container.ports))
        .with("State", container.state.as_str())
        .with("Status", container.status.as_str())
        .with("Size", size(container))
        .with("Mounts", mounts.collect::<Vec<_>>().join(","))
        .with("LocalVolumes", local.to_string())
        .with("Networks", container.network_settings.networks.keys().cloned().collect::<Vec<_>>().join(","))
        .labels(container.labels.iter())
}

fn image(container: &ContainerSummary, whole: bool) -> String {
    match container.image.as_str() {
        "" => "<no image>".to_owned(),
        image if whole => image.to_owned(),
        // An image without a name is told by its id.
        image if image == container.image_id => text::short_id(image).to_owned(),
        image => image.split('@').next().unwrap_or(image).to_owned(),
    }
}

fn size(container: &ContainerSummary) -> String {
    let bytes = |size: Option<i64>| u64::try_from(size.unwrap_or(0)).unwrap_or(0);
    let own = unit::size_short(bytes(container.size_rw));
    match bytes(container.size_root_fs) {
        0 => own,
        all => format!("{own} (virtual {})", unit::size_short(all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::list::{Layout, render};

    #[test]
    fn looks_like_docker_ps() {
        let container = ContainerSummary {
            id: "0123456789abcdef".into(),
            names: vec!["/web".into(), "/other/alias".into()],
            image: "busybox@sha256:00".into(),
            command: "sh -c 'sleep 1000 and more'".into(),
            created: 1000,
            status: "Up 3 seconds".into(),
            ..ContainerSummary::default()
        };
        let now = OffsetDateTime::from_unix_timestamp(1000 + 150).unwrap();
        let got = render(&Layout::Default, &COLUMNS, &[row(&container, false, now)]).unwrap();
        let want = "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS     NAMES\n\
                    0123456789ab   busybox   \"sh -c 'sleep 1000 a…\"   2 minutes ago   Up 3 seconds             web\n";
        assert_eq!(got, want);
    }
}
