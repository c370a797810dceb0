//! `shoal system df`.

use engine_api::container::ContainerSummary;
use engine_api::image::ImageSummary;
use engine_api::usage::{DiskUsage, KindUsage};
use engine_api::volume::Volume;
use time::OffsetDateTime;

use crate::client::{Client, Request};
use crate::command::image::split;
use crate::command::listing::print;
use crate::console;
use crate::error::Error;
use crate::format::list::{Columns, Layout, Row};
use crate::format::{text, unit};

const COLUMNS: Columns = Columns {
    default: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    headings: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
};
const IMAGES: Columns = Columns {
    default: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
    headings: &[
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("ID", "IMAGE ID"),
        ("CreatedSince", "CREATED"),
        ("Size", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("Containers", "CONTAINERS"),
    ],
};
const CONTAINERS: Columns = Columns {
    default: "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Size", "SIZE"),
        ("RunningFor", "CREATED"),
        ("Status", "STATUS"),
        ("Names", "NAMES"),
    ],
};
const VOLUMES: Columns = Columns {
    default: "{{.Name}}\t{{.Links}}\t{{.Size}}",
    headings: &[("Name", "VOLUME NAME"), ("Links", "LINKS"), ("Size", "SIZE")],
};
const CACHE: Columns = Columns {
    default: "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
    headings: &[
        ("ID", "CACHE ID"),
        ("CacheType", "CACHE TYPE"),
        ("Size", "SIZE"),
        ("CreatedSince", "CREATED"),
        ("LastUsedSince", "LAST USED"),
        ("UsageCount", "USAGE"),
        ("Shared", "SHARED"),
    ],
};
/// Characters of a command that the table shows.
const COMMAND: usize = 20;

/// Show disk usage
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal system df [OPTIONS]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' in Go's template language
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Show detailed information on space usage
    #[arg(short, long)]
    verbose: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.format.as_deref().map(Layout::parse).transpose()?.unwrap_or(Layout::Default);
    let request = Request::get("/system/df").flag("verbose", args.verbose);
    let usage: DiskUsage = client.json(request).await?;
    if args.verbose {
        return verbose(&usage);
    }
    let rows = [
        row("Images", usage.image_usage.unwrap_or_default(), true),
        row("Containers", usage.container_usage.unwrap_or_default(), true),
        row("Local Volumes", usage.volume_usage.unwrap_or_default(), true),
        row("Build Cache", usage.build_cache_usage.unwrap_or_default(), false),
    ];
    print(&layout, &COLUMNS, &rows)
}

fn bytes(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn row<T: Default>(kind: &str, usage: KindUsage<T>, with_share: bool) -> Row {
    let mut reclaimable = unit::size(bytes(usage.reclaimable));
    if with_share && usage.total_size > 0 {
        let share = i128::from(usage.reclaimable) * 100 / i128::from(usage.total_size);
        reclaimable.push_str(&format!(" ({share}%)"));
    }
    Row::default()
        .with("Type", kind)
        .with("TotalCount", usage.total_count.to_string())
        .with("Active", usage.active_count.to_string())
        .with("Size", unit::size(bytes(usage.total_size)))
        .with("Reclaimable", reclaimable)
}

fn verbose(usage: &DiskUsage) -> Result<(), Error> {
    let now = OffsetDateTime::now_utc();
    let images = usage.image_usage.as_ref().and_then(|usage| usage.items.as_deref()).unwrap_or_default();
    console::line("Images space usage:\n")?;
    print(&Layout::Default, &IMAGES, &images.iter().map(|image| of_image(image, now)).collect::<Vec<_>>())?;
    let containers =
        usage.container_usage.as_ref().and_then(|usage| usage.items.as_deref()).unwrap_or_default();
    console::line("\nContainers space usage:\n")?;
    let rows: Vec<Row> = containers.iter().map(|container| of_container(container, now)).collect();
    print(&Layout::Default, &CONTAINERS, &rows)?;
    let volumes = usage.volume_usage.as_ref().and_then(|usage| usage.items.as_deref()).unwrap_or_default();
    console::line("\nLocal Volumes space usage:\n")?;
    print(&Layout::Default, &VOLUMES, &volumes.iter().map(of_volume).collect::<Vec<_>>())?;
    let cached = usage.build_cache_usage.as_ref().map_or(0, |usage| bytes(usage.total_size));
    console::line(&format!("\nBuild cache usage: {}\n", unit::size(cached)))?;
    print(&Layout::Default, &CACHE, &[])
}

fn of_image(image: &ImageSummary, now: OffsetDateTime) -> Row {
    let (repository, tag) = image.repo_tags.first().map_or(("<none>", None), |name| split(name));
    let created = OffsetDateTime::from_unix_timestamp(image.created).ok().filter(|_| image.created > 0);
    Row::default()
        .with("Repository", repository)
        .with("Tag", tag.unwrap_or("<none>"))
        .with("ID", text::short_id(&image.id))
        .with("CreatedSince", created.map_or_else(|| "N/A".to_owned(), |created| unit::ago(created, now)))
        .with("Size", unit::size(bytes(image.size)))
        .with("SharedSize", unit::size(bytes(image.shared_size)))
        .with("UniqueSize", unit::size(bytes(image.size - image.shared_size)))
        .with("Containers", image.containers.to_string())
}

fn of_container(container: &ContainerSummary, now: OffsetDateTime) -> Row {
    let created = OffsetDateTime::from_unix_timestamp(container.created).unwrap_or(now);
    let volumes = container.mounts.iter().filter(|mount| mount.kind == "volume").count();
    let name = container.names.first().map_or("", |name| name.trim_start_matches('/'));
    Row::default()
        .with("ID", text::short_id(&container.id))
        .with("Image", container.image.as_str())
        .with("Command", template::quote(&text::ellipsis(&container.command, COMMAND)))
        .with("LocalVolumes", volumes.to_string())
        .with("Size", unit::size(bytes(container.size_rw.unwrap_or(0))))
        .with("RunningFor", unit::ago(created, now))
        .with("Status", container.status.as_str())
        .with("Names", name)
}

fn of_volume(volume: &Volume) -> Row {
    let usage = volume.usage_data.unwrap_or_default();
    Row::default()
        .with("Name", volume.name.as_str())
        .with("Links", usage.ref_count.to_string())
        .with("Size", unit::size(bytes(usage.size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::list::render;

    #[test]
    fn sums_read_like_dockers() {
        let usage = KindUsage::<Volume> {
            active_count: 1,
            total_count: 2,
            reclaimable: 500_000,
            total_size: 2_000_000,
            items: None,
        };
        let rows = [row("Images", usage, true), row("Build Cache", KindUsage::<Volume>::default(), false)];
        let got = render(&Layout::Default, &COLUMNS, &rows).unwrap();
        let want = "TYPE          TOTAL     ACTIVE    SIZE      RECLAIMABLE\n\
                    Images        2         1         2MB       500kB (25%)\n\
                    Build Cache   0         0         0B        0B\n";
        assert_eq!(got, want);
    }
}
