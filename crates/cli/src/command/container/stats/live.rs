//! The table of `stats` that is painted again and again.
//!
//! One stream of samples for each container; when none is named, events tell of containers that come and go.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;

use super::{Args, present, repaint, row};
use crate::client::{Client, Lines, Request};
use crate::command::container::path;
use crate::console;
use crate::error::Error;
use crate::flag::pair;
use crate::format::list::{Layout, Row};

use super::sample::Sample;

/// How often the table is painted.
const REFRESH: Duration = Duration::from_millis(500);

/// A container that is shown: how it was asked for, and what is known of it.
struct Shown {
    asked: String,
    sample: Option<Sample>,
}

/// All that are shown, in the order in which they came.
type Table = Rc<RefCell<Vec<Shown>>>;
/// Follows one container; ends with its name when it is gone, and with how that came.
type Follower<'a> = Pin<Box<dyn Future<Output = (String, Result<(), Error>)> + 'a>>;

pub(super) async fn run(args: &Args, layout: &Layout, client: &Client) -> Result<(), Error> {
    let named = !args.containers.is_empty();
    let table = Table::default();
    let followers = FuturesUnordered::new();
    let mut live = Live { client, table, followers };
    // Asked for before the list, so that nobody is missed in between.
    let mut events = if named { None } else { Some(events(client, args.all).await?) };
    let names = if named { args.containers.clone() } else { present(client, args.all).await? };
    names.iter().for_each(|name| live.add(name));
    if console::is_terminal() {
        console::out("\x1b[2J")?;
    }
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + REFRESH, REFRESH);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                repaint(layout, &live.rows(args.no_trunc))?;
                if named && live.followers.is_empty() {
                    return Ok(());
                }
            }
            Some((name, ended)) = live.followers.next() => match ended {
                Err(error) if named => return Err(error),
                _ if named => live.forget_sample(&name),
                _ => live.remove(&name),
            },
            event = next(&mut events) => match event? {
                Some(event) => live.hear(&event, args.all),
                None => events = None,
            },
        }
    }
}

async fn events(client: &Client, all: bool) -> Result<Lines, Error> {
    let action = if all { "create" } else { "start" };
    let filters =
        [("type", "container"), ("event", action)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = Request::get("/events").query("filters", pair::filters(&filters));
    Ok(client.send(request).await?.lines())
}

async fn next(events: &mut Option<Lines>) -> Result<Option<Value>, Error> {
    match events {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

struct Live<'a> {
    client: &'a Client,
    table: Table,
    followers: FuturesUnordered<Follower<'a>>,
}

impl<'a> Live<'a> {
    fn add(&mut self, name: &str) {
        if self.table.borrow().iter().any(|shown| shown.asked == name) {
            return;
        }
        self.table.borrow_mut().push(Shown { asked: name.to_owned(), sample: None });
        let (client, table, name) = (self.client, Rc::clone(&self.table), name.to_owned());
        self.followers.push(Box::pin(async move {
            let ended = follow(client, &table, &name).await;
            (name, ended)
        }));
    }

    fn hear(&mut self, event: &Value, all: bool) {
        let wanted = if all { "create" } else { "start" };
        if let (Some(action), Some(id)) = (event["Action"].as_str(), event["Actor"]["ID"].as_str())
            && action == wanted
        {
            self.add(id);
        }
    }

    fn remove(&mut self, name: &str) {
        self.table.borrow_mut().retain(|shown| shown.asked != name);
    }

    fn forget_sample(&mut self, name: &str) {
        let mut table = self.table.borrow_mut();
        table.iter_mut().filter(|shown| shown.asked == name).for_each(|shown| shown.sample = None);
    }

    fn rows(&self, whole: bool) -> Vec<Row> {
        let table = self.table.borrow();
        table.iter().map(|shown| row(&shown.asked, shown.sample.as_ref(), whole)).collect()
    }
}

/// Keeps the last sample of one container until its stream ends.
async fn follow(client: &Client, table: &Table, name: &str) -> Result<(), Error> {
    let mut lines = client.send(Request::get(&path(name, "/stats")).query("stream", 1)).await?.lines();
    while let Some(stats) = lines.next::<Value>().await? {
        let sample = Sample::of(&stats);
        let mut table = table.borrow_mut();
        if let Some(shown) = table.iter_mut().find(|shown| shown.asked == name) {
            shown.sample = Some(sample);
        }
    }
    Ok(())
}
