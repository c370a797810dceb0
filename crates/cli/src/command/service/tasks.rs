//! `shoal service ps`, and the table of tasks that `node ps` shows too.

use std::collections::BTreeMap;

use engine_api::swarm::{Node, Service, Task};
use serde_json::json;
use time::OffsetDateTime;

use super::{list, ports};
use crate::client::{Client, Request};
use crate::command::listing::print;
use crate::console;
use crate::error::Error;
use crate::flag::pair;
use crate::format::list::{Columns, Layout, Row, layout};
use crate::format::template::title;
use crate::format::{text, unit};

const COLUMNS: Columns = Columns {
    default: "{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{.Error}}\t{{.Ports}}",
    headings: &[
        ("ID", "ID"),
        ("Name", "NAME"),
        ("Image", "IMAGE"),
        ("Node", "NODE"),
        ("DesiredState", "DESIRED STATE"),
        ("CurrentState", "CURRENT STATE"),
        ("Error", "ERROR"),
        ("Ports", "PORTS"),
        ("Placement", "PLACEMENT"),
    ],
};
/// Characters of an error that are shown.
const MAX_ERROR: usize = 30;

/// List the tasks of one or more services
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service ps [OPTIONS] SERVICE [SERVICE...]")]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
    #[arg(value_name = "SERVICE", required = true, hide = true)]
    services: Vec<String>,
}

/// The flags of both tables of tasks.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Listing {
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = pair::filter)]
    filter: Vec<(String, String)>,
    /// Pretty-print tasks using a Go template
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Do not map IDs to Names
    #[arg(long)]
    no_resolve: bool,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only display task IDs
    #[arg(short, long)]
    quiet: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut filters = Vec::new();
    let mut missing = Vec::new();
    for name in &args.services {
        match client.json::<Service>(Request::get(&super::path(name))).await {
            Ok(service) => filters.push(("service".to_owned(), service.id)),
            Err(error) if error.is_not_found() => missing.push(name),
            Err(error) => return Err(error),
        }
    }
    if !filters.is_empty() {
        show(&args.listing, filters, client).await?;
    }
    for name in &missing {
        console::note(&format!("no such service: {name}"));
    }
    if missing.is_empty() { Ok(()) } else { Err(Error::Told) }
}

/// Shows the tasks that pass `filters` and the user's own.
pub(in crate::command) async fn show(
    listing: &Listing,
    filters: Vec<(String, String)>,
    client: &Client,
) -> Result<(), Error> {
    let format = listing.format.as_deref().map(Layout::parse).transpose()?;
    let layout = layout(format.as_ref(), listing.quiet, "{{.ID}}")?;
    let filters: Vec<_> = listing.filter.iter().cloned().chain(filters).collect();
    let tasks: Vec<Task> =
        client.json(Request::get("/tasks").query("filters", pair::filters(&filters))).await?;
    let names = if listing.no_resolve || tasks.is_empty() {
        Names::default()
    } else {
        Names::ask(client, &tasks).await?
    };
    print(
        &layout,
        &COLUMNS,
        &rows(tasks, &names, listing.no_trunc || listing.quiet, OffsetDateTime::now_utc()),
    )
}

/// What people call services and nodes.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    async fn ask(client: &Client, tasks: &[Task]) -> Result<Self, Error> {
        let nodes: Vec<Node> = client.json(Request::get("/nodes")).await?;
        let mut names: BTreeMap<_, _> =
            nodes.into_iter().map(|node| (node.id, node.description.hostname)).collect();
        let ids: BTreeMap<&str, bool> = tasks.iter().map(|task| (task.service_id.as_str(), true)).collect();
        let services: Vec<Service> =
            client.json(Request::get("/services").query("filters", json!({"id": ids}))).await?;
        names.extend(services.into_iter().map(|service| (service.id, service.spec.name)));
        Ok(Self(names))
    }

    fn of<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}

/// One row per task: by service and slot, the newest of a slot first, its past beneath it.
fn rows(mut tasks: Vec<Task>, names: &Names, whole: bool, now: OffsetDateTime) -> Vec<Row> {
    tasks.sort_by(|a, b| {
        let key = |task: &Task| {
            (
                names.of(&task.service_id).to_owned(),
                task.slot,
                if task.slot == 0 { task.node_id.clone() } else { String::new() },
            )
        };
        key(a).cmp(&key(b)).then(b.created_at.cmp(&a.created_at))
    });
    let mut previous = String::new();
    let mut rows = Vec::with_capacity(tasks.len());
    for task in &tasks {
        let place = if task.slot > 0 { task.slot.to_string() } else { task.node_id.clone() };
        let name = format!("{}.{place}", names.of(&task.service_id));
        let shown = if name == previous { format!(" \\_ {name}") } else { name.clone() };
        previous = name;
        rows.push(row(task, &shown, names, whole, now));
    }
    rows
}

fn row(task: &Task, name: &str, names: &Names, whole: bool, now: OffsetDateTime) -> Row {
    let since = task
        .status
        .timestamp
        .ns()
        .and_then(|ns| OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).ok());
    let state = title(&task.status.state);
    let current =
        since.map_or(state.clone(), |since| format!("{state} {}", lower_first(&unit::ago(since, now))));
    let current = doing(task, whole).map_or(current.clone(), |doing| format!("{current} ({doing})"));
    let image = &task.spec.container_spec.image;
    Row::default()
        .with("ID", if whole { &task.id } else { text::short_id(&task.id) })
        .with("Name", name)
        .with("Image", if whole { image } else { list::image(image) })
        .with("Node", names.of(&task.node_id))
        .with("DesiredState", title(&task.desired_state))
        .with("CurrentState", current)
        .with("Error", error(task, whole))
        .with("Placement", task.shoal.as_ref().map_or("", |news| &news.placement))
        .with("Ports", ports::of_task(&task.status.port_status.ports))
}

/// What a task does that its state does not tell: Docker shows none of it.
fn doing(task: &Task, whole: bool) -> Option<String> {
    let (state, message) = (task.status.state.as_str(), text::plain(&task.status.message));
    let is_said = !matches!(state, "preparing" | "starting") || message.is_empty() || message == state;
    (!is_said).then(|| if whole { message } else { text::ellipsis(&message, MAX_ERROR) })
}

/// The error; for a task that waits, the reason it waits for.
fn error(task: &Task, whole: bool) -> String {
    match task.status.err.as_str() {
        "" => String::new(),
        error if whole => format!("\"{}\"", text::plain(error)),
        error => format!("\"{}\"", text::ellipsis(&text::plain(error), MAX_ERROR)),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::list::render;

    fn task(id: &str, slot: u64, created: i64, state: &str, err: &str) -> Task {
        let mut task = Task {
            id: id.into(),
            slot,
            service_id: "s".into(),
            node_id: "n".into(),
            desired_state: "running".into(),
            ..Task::default()
        };
        task.created_at = engine_api::Timestamp::from_ns(created);
        task.status.timestamp = engine_api::Timestamp::from_ns(1_000_000_000);
        task.status.state = state.into();
        task.status.err = err.into();
        task.spec.container_spec.image = "web:1@sha256:00".into();
        task
    }

    #[test]
    fn what_takes_long_is_said() {
        let mut pulling = task("a", 1, 1, "preparing", "");
        for (message, want) in [("preparing", None), ("pulling web:1", Some("pulling web:1")), ("", None)] {
            pulling.status.message = message.into();
            assert_eq!(doing(&pulling, true).as_deref(), want);
        }
        pulling.status.message = "pulling registry.example.com/team/web:1".into();
        assert_eq!(doing(&pulling, false).as_deref(), Some("pulling registry.example.com/…"));
        pulling.status.state = "running".into();
        assert_eq!(doing(&pulling, true), None);
    }

    #[test]
    fn history_stands_beneath_its_slot() {
        let tasks = vec![
            task("b", 2, 1, "running", ""),
            task("a1", 1, 1, "failed", "task: non-zero exit (1) and a long tail of words"),
            task("a2", 1, 2, "running", ""),
        ];
        let names = Names(BTreeMap::from([("s".into(), "web".into()), ("n".into(), "host1".into())]));
        let now = OffsetDateTime::from_unix_timestamp(1 + 65).unwrap();
        let got = render(&Layout::Default, &COLUMNS, &rows(tasks, &names, false, now)).unwrap();
        let want = "ID        NAME        IMAGE     NODE      DESIRED STATE   CURRENT STATE                ERROR                              PORTS\n\
                    a2        web.1       web:1     host1     Running         Running about a minute ago                                      \n\
                    a1         \\_ web.1   web:1     host1     Running         Failed about a minute ago    \"task: non-zero exit (1) and a…\"   \n\
                    b         web.2       web:1     host1     Running         Running about a minute ago                                      \n";
        assert_eq!(got, want);
    }
}
