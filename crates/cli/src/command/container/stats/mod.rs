//! `shoal stats`.

mod live;
mod sample;

use engine_api::container::ContainerSummary;
use futures_util::future::join_all;
use serde_json::Value;

use super::path;
use crate::client::{Client, Request};
use crate::command::listing::print;
use crate::console;
use crate::error::Error;
use crate::format::list::{Columns, Layout, Row};
use crate::format::text;
use sample::Sample;

const COLUMNS: Columns = Columns {
    default: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    headings: &[
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("Name", "NAME"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
};

/// Display a live stream of container(s) resource usage statistics
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal stats [OPTIONS] [CONTAINER...]")]
pub(crate) struct Args {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    /// Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE' in Go's template language
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Disable streaming stats and only pull the first result
    #[arg(long)]
    no_stream: bool,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
    #[arg(value_name = "CONTAINER", hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let format = args.format.as_deref().or_else(|| client.config().format("stats"));
    let layout = format.map(Layout::parse).transpose()?.unwrap_or(Layout::Default);
    if args.no_stream {
        return once(&args, &layout, client).await;
    }
    live::run(&args, &layout, client).await
}

/// The containers that are shown when none is named.
async fn present(client: &Client, all: bool) -> Result<Vec<String>, Error> {
    let request = Request::get("/containers/json").flag("all", all);
    let found: Vec<ContainerSummary> = client.json(request).await?;
    Ok(found.into_iter().map(|container| container.id).collect())
}

/// One sample of each, asked for at the same time: a daemon takes a second for the two looks at the processor.
async fn once(args: &Args, layout: &Layout, client: &Client) -> Result<(), Error> {
    let named = !args.containers.is_empty();
    let names = if named { args.containers.clone() } else { present(client, args.all).await? };
    let ask = async |name: &String| -> Result<Value, Error> {
        client.json(Request::get(&path(name, "/stats")).query("stream", 0)).await
    };
    let mut rows = Vec::with_capacity(names.len());
    for (name, answer) in names.iter().zip(join_all(names.iter().map(ask)).await) {
        match answer {
            Ok(stats) => rows.push(row(name, Some(&Sample::of(&stats)), args.no_trunc)),
            // One that was not named may go while it is asked.
            Err(error) if !named && error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    print(layout, &COLUMNS, &rows)
}

/// The fields of one container; before the first sample and after the last there is only what it is called.
fn row(asked: &str, sample: Option<&Sample>, whole: bool) -> Row {
    let id = sample.map_or("", |sample| sample.id.as_str());
    let show = |shown: fn(&Sample) -> String, none: &str| sample.map_or_else(|| none.to_owned(), shown);
    Row::default()
        .with("Container", asked)
        .with(
            "ID",
            if id.is_empty() {
                "--"
            } else if whole {
                id
            } else {
                text::short_id(id)
            },
        )
        .with("Name", show(|sample| sample.name.clone(), "--"))
        .with("CPUPerc", show(Sample::cpu, "--"))
        .with("MemUsage", show(Sample::memory, "-- / --"))
        .with("MemPerc", show(Sample::memory_share, "--"))
        .with("NetIO", show(Sample::network, "--"))
        .with("BlockIO", show(Sample::blocks, "--"))
        .with("PIDs", show(Sample::processes, "--"))
}

/// Shows the rows in place of those before.
fn repaint(layout: &Layout, rows: &[Row]) -> Result<(), Error> {
    let text = crate::format::list::render(layout, &COLUMNS, rows)?;
    if !console::is_terminal() {
        return console::out(&text);
    }
    // To the corner, each line cleared to its end, then what is left below.
    console::out(&format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")))
}
