//! The flags that all list verbs have.

use clap::Args;

use crate::console;
use crate::error::Error;
use crate::flag::{FlagError, pair};
use crate::format::list::{Columns, Layout, Row, layout, render};
use crate::format::template::Template;

/// `--filter`, `--format`, `--quiet`.
#[derive(Debug, Args)]
pub(super) struct Listing {
    /// Filter output based on conditions provided
    #[arg(short, long = "filter", value_name = "filter", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' in Go's template language
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Only display IDs
    #[arg(short, long)]
    pub(super) quiet: bool,
}

fn filter(input: &str) -> Result<(String, String), FlagError> {
    pair::filter(input)
}

impl Listing {
    /// The filters as the API wants them.
    pub(super) fn filters(&self) -> String {
        pair::filters(&self.filters)
    }

    /// The filters with one more.
    pub(super) fn pairs(&self, more: Option<(String, String)>) -> Vec<(String, String)> {
        self.filters.iter().cloned().chain(more).collect()
    }

    /// Reads `--format`; done before the daemon is asked, so that a wrong template costs nothing.
    pub(super) fn layout(&self) -> Result<Layout, Error> {
        self.layout_or(None, "{{.ID}}")
    }

    /// As `layout`, with the user's configured format for when neither `--format` nor `--quiet` is given, and the
    /// template of `--quiet`.
    pub(super) fn layout_or(&self, configured: Option<&str>, quiet: &str) -> Result<Layout, Error> {
        let format = self.format.as_deref().or(configured.filter(|_| !self.quiet));
        let format = format.map(Layout::parse).transpose()?;
        Ok(layout(format.as_ref(), self.quiet, quiet)?)
    }

    /// Whether the user's own format names this field.
    pub(super) fn names(&self, field: &str) -> bool {
        self.format.as_deref().is_some_and(|format| format.contains(field))
    }
}

/// The template for verbs that show objects one by one: none, `json`, or the user's.
pub(super) fn template(format: Option<&str>) -> Result<Option<Template>, Error> {
    match format {
        None | Some("") => Ok(None),
        Some("json") => Ok(Some(Template::parse("{{json .}}")?)),
        Some(format) => Ok(Some(Template::parse(format)?)),
    }
}

/// Prints rows.
pub(super) fn print(layout: &Layout, columns: &Columns, rows: &[Row]) -> Result<(), Error> {
    console::out(&render(layout, columns, rows)?)
}
