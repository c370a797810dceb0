//! `shoal search`.

use engine_api::registry::SearchResult;

use crate::client::{Client, Request};
use crate::command::listing::print;
use crate::error::Error;
use crate::flag::{FlagError, pair};
use crate::format::list::{Columns, Layout, Row, layout};
use crate::registry;

const COLUMNS: Columns = Columns {
    default: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    headings: &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("StarCount", "STARS"),
        ("IsOfficial", "OFFICIAL"),
        ("IsAutomated", "AUTOMATED"),
    ],
};
/// Characters of a description that are shown.
const DESCRIPTION: usize = 45;

/// Search Docker Hub for images
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal search [OPTIONS] TERM")]
pub(crate) struct Args {
    /// Filter output based on conditions provided
    #[arg(short, long = "filter", value_name = "filter", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// Pretty-print search using a Go template
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Max number of search results
    #[arg(long, value_name = "int")]
    limit: Option<u32>,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    #[arg(value_name = "TERM", hide = true)]
    term: String,
}

fn filter(input: &str) -> Result<(String, String), FlagError> {
    pair::filter(input)
}

pub(in crate::command) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let format = args.format.as_deref().map(Layout::parse).transpose()?;
    let layout = layout(format.as_ref(), false, "{{.Name}}")?;
    let request = Request::get("/images/search")
        .query("term", &args.term)
        .query_some("limit", args.limit)
        .query_some("filters", Some(pair::filters(&args.filters)))
        .header(registry::HEADER, &registry::header_for(client.config(), &args.term).await?);
    let found: Vec<SearchResult> = client.json(request).await?;
    let rows: Vec<Row> = found.iter().map(|image| row(image, args.no_trunc)).collect();
    print(&layout, &COLUMNS, &rows)
}

fn row(image: &SearchResult, whole: bool) -> Row {
    let yes = |is: bool| if is { "[OK]" } else { "" };
    Row::default()
        .with("Name", image.name.as_str())
        .with("Description", description(&image.description, whole))
        .with("StarCount", image.star_count.to_string())
        .with("IsOfficial", yes(image.is_official))
        .with("IsAutomated", yes(image.is_automated))
}

/// In one line, cut as Docker cuts it.
fn description(text: &str, whole: bool) -> String {
    let line = text.replace(['\n', '\r'], " ");
    if whole || line.chars().count() <= DESCRIPTION {
        return line;
    }
    line.chars().take(DESCRIPTION - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_fit_a_line() {
        assert_eq!(description("a\nb", false), "a b");
        let long = "x".repeat(50);
        assert_eq!(description(&long, false).chars().count(), DESCRIPTION);
        assert_eq!(description(&long, true), long);
    }
}
