//! `shoal history`.

use engine_api::image::ImageHistoryItem;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::{Client, Request, encode_path};
use crate::command::listing::print;
use crate::error::Error;
use crate::format::list::{Columns, Layout, Row, layout};
use crate::format::{text, unit};

const COLUMNS: Columns = Columns {
    default: "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
};
/// Characters of an instruction that the table shows.
const INSTRUCTION: usize = 45;

/// Show the history of an image
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal history [OPTIONS] IMAGE")]
pub(crate) struct Args {
    /// Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' in Go's template language
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Print sizes and dates in human readable format
    #[arg(short = 'H', long, default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set, value_name = "bool")]
    human: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    #[arg(value_name = "IMAGE", hide = true)]
    image: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let format = args.format.as_deref().map(Layout::parse).transpose()?;
    let layout = layout(format.as_ref(), args.quiet, "{{.ID}}")?;
    let request = Request::get(&format!("/images/{}/history", encode_path(&args.image)));
    let steps: Vec<ImageHistoryItem> = client.json(request).await?;
    let now = OffsetDateTime::now_utc();
    let rows: Vec<Row> = steps.iter().map(|step| row(step, &args, now)).collect();
    print(&layout, &COLUMNS, &rows)
}

fn row(step: &ImageHistoryItem, args: &Args, now: OffsetDateTime) -> Row {
    let created = OffsetDateTime::from_unix_timestamp(step.created).ok().filter(|_| step.created > 0);
    let at = created.and_then(|created| created.format(&Rfc3339).ok()).unwrap_or_default();
    let since = match args.human {
        true => created.map_or_else(|| "N/A".to_owned(), |created| unit::ago(created, now)),
        false => at.clone(),
    };
    let bytes = u64::try_from(step.size).unwrap_or(0);
    let by = text::plain(&step.created_by.replace('\t', " "));
    Row::default()
        .with("ID", if args.no_trunc { step.id.as_str() } else { text::short_id(&step.id) })
        .with("CreatedSince", since)
        .with("CreatedAt", at)
        .with("CreatedBy", if args.no_trunc { by } else { text::ellipsis(&by, INSTRUCTION) })
        .with("Size", if args.human { unit::size_short(bytes) } else { bytes.to_string() })
        .with("Comment", text::plain(&step.comment))
}
