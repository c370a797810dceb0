//! `shoal context ls`.

use super::Scope;
use crate::command::listing::print;
use crate::console;
use crate::context;
use crate::error::Error;
use crate::format::list::{Columns, Layout, Row, layout};

const COLUMNS: Columns = Columns {
    default: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
    headings: &[
        ("Name", "NAME"),
        ("Current", ""),
        ("Description", "DESCRIPTION"),
        ("DockerEndpoint", "DOCKER ENDPOINT"),
        ("Error", "ERROR"),
    ],
};

/// List contexts
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal context ls [OPTIONS]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' in Go's template language
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Only show context names
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: Args, scope: &Scope) -> Result<(), Error> {
    let format = args.format.as_deref().map(Layout::parse).transpose()?;
    let layout = layout(format.as_ref(), args.quiet, "{{.Name}}")?;
    let default = "Current DOCKER_HOST based configuration";
    let mut found = vec![(context::DEFAULT.to_owned(), default.to_owned(), scope.default.to_string(), "")];
    for record in scope.store.list() {
        found.push((record.name.clone(), record.description().to_owned(), record.host().to_owned(), ""));
    }
    if !found.iter().any(|(name, ..)| *name == scope.current) {
        found.push((scope.current.clone(), String::new(), String::new(), "context not found"));
    }
    found.sort();
    let rows: Vec<Row> = found.into_iter().map(|context| row(context, &scope.current)).collect();
    print(&layout, &COLUMNS, &rows)?;
    if let Some(variable) = scope.overridden.filter(|_| scope.current == context::DEFAULT && !args.quiet) {
        console::note(&format!(
            "Warning: {variable} environment variable overrides the active context. To use a context, either set the global --context flag, or unset {variable} environment variable."
        ));
    }
    Ok(())
}

fn row((name, description, host, error): (String, String, String, &str), current: &str) -> Row {
    Row::default()
        .with("Current", name == current)
        .with("Name", name)
        .with("Description", description)
        .with("DockerEndpoint", host)
        .with("Error", error)
}
