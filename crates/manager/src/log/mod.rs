//! Logs of tasks, between the nodes that have them and whoever reads them.
//!
//! In: what front ends ask ([`Broker::open`], [`Broker::next`]), the nodes that listen for requests, the lines that they
//! publish, the view. Out: requests to nodes, lines, and at last which logs are not whole and why. Nothing is kept beyond what a
//! reader has not fetched yet, which is bounded: a node whose lines find no room is told to send them again, and holds up
//! neither its other logs nor anybody else's. All of it is in memory and of one time of leadership.

mod subscription;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use swarm_api::{id, pb};
use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use self::subscription::Subscription;
use crate::store::{Store, View};

/// Readers at a time, of the whole swarm.
const SUBSCRIPTIONS: usize = 128;
/// Requests that may wait for one node to take them up.
const REQUESTS: usize = 1024;
/// How often it is looked for tasks that have come.
const LOOK: Duration = Duration::from_millis(300);

/// How long who waits for whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// A reader for an answer that has nothing in it.
    poll: Duration,
    /// A node for room, before it is told to send again.
    hold: Duration,
    /// A node that is away, before its logs count as missing.
    away: Duration,
    /// A reader that does not ask any more, before it is forgotten.
    idle: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            poll: Duration::from_secs(10),
            hold: Duration::from_secs(5),
            away: Duration::from_secs(5),
            idle: Duration::from_secs(60),
        }
    }
}

/// Why a reader gets no logs.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum LogError {
    /// Too many read.
    #[error("more than {SUBSCRIPTIONS} logs of services are read at a time")]
    TooMany,
    /// It was closed, was not asked for in time, or another manager led when it was opened.
    #[error("the manager that gathered these logs does not lead any more")]
    Gone,
}

/// All readers of the swarm. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Broker {
    state: Arc<Mutex<State>>,
    times: Times,
}

#[derive(Default)]
struct State {
    /// Nodes that listen for requests.
    nodes: BTreeMap<String, Node>,
    readers: BTreeMap<String, Reader>,
    /// The reader of each request.
    requests: BTreeMap<String, String>,
}

struct Node {
    /// Tells one stream of the node from the next.
    stream: u64,
    requests: mpsc::Sender<pb::LogRequest>,
}

struct Reader {
    subscription: Subscription,
    asked: Instant,
    /// There is something to read, or room.
    changed: Arc<Notify>,
}

/// A node's stream of requests; when it goes, the node listens no more.
pub(crate) struct Listening {
    broker: Broker,
    node_id: String,
    stream: u64,
    pub(crate) requests: mpsc::Receiver<pb::LogRequest>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.broker.state();
        if state.nodes.get(&self.node_id).is_some_and(|node| node.stream == self.stream) {
            state.nodes.remove(&self.node_id);
            for reader in state.readers.values_mut() {
                reader.subscription.lose(&self.node_id);
                reader.changed.notify_waiters();
            }
        }
    }
}

impl Broker {
    /// The state is never held across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node takes requests from here on.
    pub(crate) fn listen(&self, node_id: &str) -> Listening {
        let (sender, requests) = mpsc::channel(REQUESTS);
        let mut state = self.state();
        let stream = state.nodes.get(node_id).map_or(0, |node| node.stream + 1);
        state.nodes.insert(node_id.to_owned(), Node { stream, requests: sender });
        for reader in state.readers.values_mut() {
            // What a stream before this one was asked for has ended with it.
            reader.subscription.lose(node_id);
            reader.changed.notify_waiters();
        }
        Listening { broker: self.clone(), node_id: node_id.to_owned(), stream, requests }
    }

    /// Begins to gather logs of these services and tasks, by id.
    pub(crate) fn open(
        &self,
        view: &View,
        (services, tasks): (Vec<String>, Vec<String>),
        options: pb::LogOptions,
    ) -> Result<String, LogError> {
        let mut state = self.state();
        state.sweep(self.times.idle);
        if state.readers.len() >= SUBSCRIPTIONS {
            return Err(LogError::TooMany);
        }
        let id = id::random();
        let subscription = Subscription::new(services, tasks, options);
        let reader = Reader { subscription, asked: Instant::now(), changed: Arc::default() };
        state.readers.insert(id.clone(), reader);
        state.ask(&id, view);
        Ok(id)
    }

    /// What came since the last call; waits for something for a while.
    pub(crate) async fn next(&self, id: &str, store: &Store) -> Result<pb::NextLogsResponse, LogError> {
        let until = Instant::now() + self.times.poll;
        loop {
            let changed = self.state().readers.get(id).ok_or(LogError::Gone)?.changed.clone();
            let change = changed.notified();
            tokio::pin!(change);
            change.as_mut().enable();
            let view = store.view();
            {
                let mut state = self.state();
                state.ask(id, &view);
                let reader = state.readers.get_mut(id).ok_or(LogError::Gone)?;
                reader.asked = Instant::now();
                if let Some(answer) = reader.subscription.take(&view, self.times.away) {
                    if answer.ended {
                        state.remove(id);
                    }
                    changed.notify_waiters();
                    return Ok(answer);
                }
            }
            if Instant::now() >= until {
                return Ok(pb::NextLogsResponse::default());
            }
            let _ = tokio::time::timeout(LOOK, change).await;
        }
    }

    /// The reader is gone.
    pub(crate) fn close(&self, id: &str) {
        self.state().remove(id);
    }

    /// Everything is forgotten: another manager leads.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        for reader in state.readers.values() {
            reader.changed.notify_waiters();
        }
        *state = State::default();
    }

    /// Takes lines from a node, which must have been asked for them.
    pub(crate) async fn publish(
        &self,
        node_id: &str,
        lines: pb::PublishLogsRequest,
    ) -> pb::PublishLogsResponse {
        let until = Instant::now() + self.times.hold;
        loop {
            let reader = {
                let state = self.state();
                state.requests.get(&lines.id).and_then(|id| state.readers.get(id)).map(|r| r.changed.clone())
            };
            let Some(changed) = reader else {
                return pb::PublishLogsResponse { stop: true, again: false };
            };
            let change = changed.notified();
            tokio::pin!(change);
            change.as_mut().enable();
            {
                let mut state = self.state();
                let id = state.requests.get(&lines.id).cloned().unwrap_or_default();
                let Some(reader) = state.readers.get_mut(&id) else {
                    return pb::PublishLogsResponse { stop: true, again: false };
                };
                if !reader.subscription.is_asked(node_id, &lines.id) {
                    return pb::PublishLogsResponse { stop: true, again: false };
                }
                if reader.subscription.has_room() {
                    let ended = lines.ended;
                    let request = lines.id.clone();
                    reader.subscription.add(node_id, lines);
                    if ended {
                        state.requests.remove(&request);
                    }
                    changed.notify_waiters();
                    return pb::PublishLogsResponse::default();
                }
            }
            if tokio::time::timeout_at(until, change).await.is_err() {
                return pb::PublishLogsResponse { again: true, stop: false };
            }
        }
    }
}

impl State {
    /// Asks the nodes that listen for what the reader wants of them.
    fn ask(&mut self, id: &str, view: &View) {
        let Some(reader) = self.readers.get_mut(id) else { return };
        reader.subscription.look(view);
        let nodes = &self.nodes;
        for request in reader.subscription.due(|node_id| nodes.contains_key(node_id)) {
            let Some(node) = nodes.get(&request.node_id) else { continue };
            let message = pb::LogRequest {
                id: request.id.clone(),
                task_id: request.task_id.clone(),
                options: Some(request.options),
                close: false,
            };
            // A node with so many requests that it takes no more is asked again at the next look.
            match node.requests.try_send(message) {
                Ok(()) => drop(self.requests.insert(request.id, id.to_owned())),
                Err(_) => reader.subscription.not_asked(&request.task_id),
            }
        }
    }

    fn remove(&mut self, id: &str) {
        let Some(reader) = self.readers.remove(id) else { return };
        for (node_id, request) in reader.subscription.asked() {
            self.requests.remove(&request);
            if let Some(node) = self.nodes.get(&node_id) {
                // One that does not hear it is told when it publishes.
                let _ =
                    node.requests.try_send(pb::LogRequest { id: request, close: true, ..Default::default() });
            }
        }
        reader.changed.notify_waiters();
    }

    /// Forgets readers that ask no more.
    fn sweep(&mut self, idle: Duration) {
        let gone: Vec<String> = self
            .readers
            .iter()
            .filter(|(_, reader)| reader.asked.elapsed() > idle)
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
