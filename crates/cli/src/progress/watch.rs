//! Watches a service until it stands, and shows how far it is.
//!
//! In: a service's id. Out: lines on standard output, an error if the service is paused or rolled back. The user may
//! leave with Ctrl-C; the service goes on without us.

use std::time::Duration;

use engine_api::swarm::{Node, Service, Task};
use tokio::time::{Instant, sleep};

use super::converge::{Update, is_job, progress, update};
use super::painter::Painter;
use crate::client::{Client, Request, encode_path};
use crate::console;
use crate::error::Error;

/// How often the daemon is asked.
const POLL: Duration = Duration::from_millis(200);
/// How long a service must stand, where its specification does not say.
const DEFAULT_MONITOR: Duration = Duration::from_secs(5);

/// What was asked of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// To go back: having gone back is a success.
    Rollback,
    Other,
}

/// Waits until the service stands. `quiet` shows nothing.
pub(crate) async fn until_converged(
    client: &Client,
    id: &str,
    change: Change,
    quiet: bool,
) -> Result<(), Error> {
    tokio::select! {
        ended = converge(client, id, change, quiet) => ended,
        _ = tokio::signal::ctrl_c() => {
            if !quiet {
                console::line(&format!("Operation continuing in background.\nUse `shoal service ps {id}` to check progress."))?;
            }
            Ok(())
        }
    }
}

async fn converge(client: &Client, id: &str, change: Change, quiet: bool) -> Result<(), Error> {
    let to: Box<dyn std::io::Write> =
        if quiet { Box::new(std::io::sink()) } else { Box::new(std::io::stdout()) };
    let mut painter = Painter::new(to, !quiet && console::is_terminal());
    let mut standing: Option<Instant> = None;
    let mut went_back: Option<String> = None;
    loop {
        let service: Service = client.json(Request::get(&format!("/services/{}", encode_path(id)))).await?;
        let state = update(service.update_status.as_ref());
        match &state {
            Update::Paused(sentence) => return Err(Error::NotConverged(sentence.clone())),
            Update::RollingBack(message) => {
                painter.show("rollback", &format!("rollback: {message}"))?;
                went_back = Some(message.clone());
            }
            Update::RolledBack(message) => {
                // Why is said on the way; who looks too late learns that it is so.
                went_back.get_or_insert_with(|| message.clone());
            }
            Update::Running => went_back = None,
            Update::Done => {}
        }
        let (tasks, up) = (tasks(client, &service.id).await?, nodes_up(client).await?);
        let now = progress(&service, state, &tasks, &|task| up.contains(&task.node_id));
        for (key, text) in &now.lines {
            painter.show(key, text)?;
        }
        if !now.stands() {
            if standing.take().is_some() {
                painter.show("verify", "verify: Detected task failure")?;
            }
            sleep(POLL).await;
            continue;
        }
        if is_job(&service) {
            return painter.append("job complete");
        }
        let since = *standing.get_or_insert_with(Instant::now);
        let left = monitor(&service).saturating_sub(since.elapsed());
        if left.is_zero() {
            painter.show("verify", &format!("verify: Service {id} converged"))?;
            return match went_back.filter(|_| change != Change::Rollback) {
                Some(message) => Err(Error::NotConverged(format!("service rolled back: {message}"))),
                None => Ok(()),
            };
        }
        if painter.rewrites() || since.elapsed() < POLL {
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            painter.show(
                "verify",
                &format!("verify: Waiting {seconds} seconds to verify that tasks are stable..."),
            )?;
        }
        sleep(POLL.min(left)).await;
    }
}

fn monitor(service: &Service) -> Duration {
    let nanos = service.spec.update_config.as_ref().map_or(0, |config| config.monitor);
    u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map_or(DEFAULT_MONITOR, Duration::from_nanos)
}

async fn tasks(client: &Client, service: &str) -> Result<Vec<Task>, Error> {
    let filters = serde_json::json!({"service": {service: true}, "_up-to-date": {"true": true}});
    client.json(Request::get("/tasks").query("filters", filters)).await
}

/// The nodes that answer: a task that a lost node claims to run does not count.
async fn nodes_up(client: &Client) -> Result<Vec<String>, Error> {
    let nodes: Vec<Node> = client.json(Request::get("/nodes")).await?;
    Ok(nodes.into_iter().filter(|node| node.status.state != "down").map(|node| node.id).collect())
}
