//! `shoal images`.

use engine_api::image::ImageSummary;
use time::OffsetDateTime;

use super::split;
use crate::client::{Client, Request};
use crate::command::listing::{Listing, print};
use crate::error::Error;
use crate::flag::pair;
use crate::format::list::{Columns, Row};
use crate::format::{text, unit};

const COLUMNS: Columns = Columns {
    default: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    headings: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("Labels", "LABELS"),
    ],
};
const WITH_DIGESTS: &str = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
/// What stands where an image has no name.
const NONE: &str = "<none>";

/// List images
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal images [OPTIONS] [REPOSITORY[:TAG]]")]
pub(crate) struct Args {
    /// Show all images (default hides intermediate images)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    #[command(flatten)]
    listing: Listing,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    #[arg(value_name = "REPOSITORY", hide = true)]
    repository: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let layout = args.listing.layout_or(client.config().format("images"), "{{.ID}}")?;
    let reference = args.repository.map(|name| ("reference".to_owned(), name));
    let filters = pair::filters(&args.listing.pairs(reference));
    let request = Request::get("/images/json")
        .flag("all", args.all)
        .flag("digests", args.digests)
        .query_some("filters", Some(filters));
    let mut images: Vec<ImageSummary> = client.json(request).await?;
    images.sort_by_key(|image| std::cmp::Reverse(image.created));
    let now = OffsetDateTime::now_utc();
    let mut rows: Vec<Row> =
        images.iter().flat_map(|image| rows(image, args.digests, args.no_trunc, now)).collect();
    if args.listing.quiet {
        // Only ids: an image with several names is one.
        rows = images.iter().map(|image| row(image, NONE, NONE, NONE, args.no_trunc, now)).collect();
    }
    let columns = if args.digests { Columns { default: WITH_DIGESTS, ..COLUMNS } } else { COLUMNS };
    print(&layout, &columns, &rows)
}

/// One row per name of the image.
fn rows(image: &ImageSummary, digests: bool, whole: bool, now: OffsetDateTime) -> Vec<Row> {
    let digest = |repository: &str| {
        let of = image
            .repo_digests
            .iter()
            .filter_map(|digest| digest.split_once('@'))
            .find(|(name, _)| *name == repository);
        of.map_or(NONE, |(_, digest)| digest).to_owned()
    };
    let mut out = Vec::new();
    for name in image.repo_tags.iter().filter(|name| *name != "<none>:<none>") {
        let (repository, tag) = split(name);
        out.push(row(image, repository, tag.unwrap_or(NONE), &digest(repository), whole, now));
    }
    if out.is_empty() {
        let name = image.repo_digests.iter().filter_map(|digest| digest.split_once('@')).next();
        let (repository, digest) = name.unwrap_or((NONE, NONE));
        let digest = if digests { digest } else { NONE };
        out.push(row(image, repository, NONE, digest, whole, now));
    }
    out
}

fn row(
    image: &ImageSummary,
    repository: &str,
    tag: &str,
    digest: &str,
    whole: bool,
    now: OffsetDateTime,
) -> Row {
    let created = OffsetDateTime::from_unix_timestamp(image.created).ok().filter(|_| image.created > 0);
    let size = unit::size_short(u64::try_from(image.size).unwrap_or(0));
    let number = |n: i64| if n < 0 { "N/A".to_owned() } else { n.to_string() };
    let shared = u64::try_from(image.shared_size).map_or_else(|_| "N/A".to_owned(), unit::size_short);
    Row::default()
        .with("ID", if whole { &image.id } else { text::short_id(&image.id) })
        .with("Repository", repository)
        .with("Tag", tag)
        .with("Digest", digest)
        .with("CreatedSince", created.map_or_else(|| "N/A".to_owned(), |created| unit::ago(created, now)))
        .with("CreatedAt", created.map_or_else(String::new, unit::date))
        .with("Size", size.as_str())
        .with("VirtualSize", size)
        .with("SharedSize", shared)
        .with("UniqueSize", "N/A")
        .with("Containers", number(image.containers))
        .labels(image.labels.iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::list::{Layout, render};

    #[test]
    fn one_row_per_name() {
        let image = ImageSummary {
            id: "sha256:0123456789abcdef".into(),
            repo_tags: vec!["busybox:1".into(), "localhost:5000/b:x".into()],
            repo_digests: vec!["busybox@sha256:dd".into()],
            created: 1000,
            size: 4_260_000,
            ..ImageSummary::default()
        };
        let now = OffsetDateTime::from_unix_timestamp(1000 + 86_400 * 3).unwrap();
        let got = render(&Layout::Default, &COLUMNS, &rows(&image, false, false, now)).unwrap();
        let want = "REPOSITORY         TAG       IMAGE ID       CREATED      SIZE\n\
                    busybox            1         0123456789ab   3 days ago   4.26MB\n\
                    localhost:5000/b   x         0123456789ab   3 days ago   4.26MB\n";
        assert_eq!(got, want);
        let bare = ImageSummary { id: "sha256:00".into(), ..ImageSummary::default() };
        let got = render(
            &Layout::parse("{{.Repository}}:{{.Tag}}").unwrap(),
            &COLUMNS,
            &rows(&bare, false, false, now),
        )
        .unwrap();
        assert_eq!(got, "<none>:<none>\n");
    }
}
