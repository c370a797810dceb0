//! What one reader wants: the tasks, which of them were asked for, the lines that wait. No IO; the clock is
//! read only for how long a node has been away, and since when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use swarm_api::pb::TaskState;
use swarm_api::{id, pb, status};
use tokio::time::Instant;

use crate::store::View;
use crate::task;

/// Bytes of messages that wait for the reader; the last may go beyond.
const ROOM: usize = 512 << 10;
/// What a message and a line cost besides their texts, about: empty ones are not free.
const MESSAGE_BYTES: usize = 256;
const LINE_BYTES: usize = 48;
/// Reasons why logs are not whole that a reader is told; those beyond go untold.
const REASONS: usize = 1000;
/// Longest of them, in bytes.
const REASON_BYTES: usize = 1024;

pub(super) struct Subscription {
    services: Vec<String>,
    tasks: Vec<String>,
    options: pb::LogOptions,
    /// By task.
    targets: BTreeMap<String, Target>,
    queue: VecDeque<pb::LogMessage>,
    bytes: usize,
    missing: BTreeSet<String>,
}

/// The log of one task.
struct Target {
    node_id: String,
    service_id: String,
    /// Lines have come of it.
    begun: bool,
    /// When its node's link was lost, if it was; nanoseconds since the epoch.
    lost_ns: Option<i64>,
    progress: Progress,
}

enum Progress {
    /// For its node, since then.
    Waits(Instant),
    /// Its node was asked, by this request.
    Asked(String),
    Over,
}

/// A log that a node is to be asked for.
pub(super) struct Due {
    pub(super) id: String,
    pub(super) node_id: String,
    pub(super) task_id: String,
    pub(super) options: pb::LogOptions,
}

impl Subscription {
    pub(super) fn new(services: Vec<String>, tasks: Vec<String>, options: pb::LogOptions) -> Self {
        Self {
            services,
            tasks,
            options,
            targets: BTreeMap::new(),
            queue: VecDeque::new(),
            bytes: 0,
            missing: BTreeSet::new(),
        }
    }

    /// Takes in the tasks that have a log by now, and forgets those whose log is over and that are gone.
    pub(super) fn look(&mut self, view: &View) {
        self.targets
            .retain(|id, target| !matches!(target.progress, Progress::Over) || view.task(id).is_some());
        let of_services = self.services.iter().flat_map(|service| view.tasks_of_service(service));
        let by_id = self.tasks.iter().filter_map(|task| view.task(task));
        for task in of_services.chain(by_id).filter(|task| has_log(task)) {
            self.targets.entry(task.id.clone()).or_insert_with(|| Target {
                node_id: task.node_id.clone(),
                service_id: task.service_id.clone(),
                begun: false,
                lost_ns: None,
                progress: Progress::Waits(Instant::now()),
            });
        }
    }

    /// The tasks whose logs are known.
    #[cfg(test)]
    pub(super) fn tasks(&self) -> Vec<&str> {
        self.targets.keys().map(String::as_str).collect()
    }

    /// What nodes that listen are to be asked for. It counts as asked from here on.
    pub(super) fn due(&mut self, listens: impl Fn(&str) -> bool) -> Vec<Due> {
        let waiting = self
            .targets
            .iter_mut()
            .filter(|(_, target)| matches!(target.progress, Progress::Waits(_)) && listens(&target.node_id));
        let options = self.options;
        let ask = |(task_id, target): (&String, &mut Target)| {
            let id = id::random();
            target.progress = Progress::Asked(id.clone());
            // After a loss it goes on from there.
            let options = match target.lost_ns.filter(|_| target.begun) {
                Some(lost_ns) => pb::LogOptions { tail: None, since_ns: Some(lost_ns), ..options },
                None => options,
            };
            Due { id, node_id: target.node_id.clone(), task_id: task_id.clone(), options }
        };
        waiting.map(ask).collect()
    }

    /// The node could not be asked after all.
    pub(super) fn not_asked(&mut self, task_id: &str) {
        if let Some(target) = self.targets.get_mut(task_id) {
            target.progress = Progress::Waits(Instant::now());
        }
    }

    /// The node's link is gone. A log that is not followed is over where it was.
    pub(super) fn lose(&mut self, node_id: &str) {
        let mut is_cut = false;
        for target in self.targets.values_mut() {
            if target.node_id == node_id && matches!(target.progress, Progress::Asked(_)) {
                let ends = target.begun && !self.options.follow;
                target.progress = if ends { Progress::Over } else { Progress::Waits(Instant::now()) };
                target.lost_ns = Some(swarm_api::now_ns());
                is_cut |= ends;
            }
        }
        if is_cut {
            self.miss(format!("node {node_id} disconnected unexpectedly"));
        }
    }

    /// Whether this node was asked so.
    pub(super) fn is_asked(&self, node_id: &str, request: &str) -> bool {
        self.target(node_id, request).is_some()
    }

    fn target(&self, node_id: &str, request: &str) -> Option<&String> {
        let asked = |target: &Target| matches!(&target.progress, Progress::Asked(id) if id == request);
        self.targets
            .iter()
            .find(|(_, target)| target.node_id == node_id && asked(target))
            .map(|(task_id, _)| task_id)
    }

    /// The requests under way, each with its node.
    pub(super) fn asked(&self) -> Vec<(String, String)> {
        let asked = self.targets.values().filter_map(|target| match &target.progress {
            Progress::Asked(id) => Some((target.node_id.clone(), id.clone())),
            Progress::Waits(_) | Progress::Over => None,
        });
        asked.collect()
    }

    /// Whether more lines may come.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < ROOM
    }

    /// Takes lines from a node that was asked. Why a log is not whole is said with its end, and believed there alone: said again and
    /// again it would fill the memory.
    pub(super) fn add(&mut self, node_id: &str, lines: pb::PublishLogsRequest) {
        let Some(task_id) = self.target(node_id, &lines.id).cloned() else { return };
        let Some(target) = self.targets.get_mut(&task_id) else { return };
        if lines.ended {
            target.progress = Progress::Over;
        }
        if !lines.lines.is_empty() {
            target.begun = true;
            self.bytes += MESSAGE_BYTES;
            self.bytes += lines.lines.iter().map(|line| LINE_BYTES + line.text.len()).sum::<usize>();
            self.queue.push_back(pb::LogMessage {
                node_id: node_id.to_owned(),
                service_id: target.service_id.clone(),
                task_id: task_id.clone(),
                lines: lines.lines,
            });
        }
        if lines.ended && !lines.err.is_empty() {
            self.miss(format!("task {task_id}: {}", lines.err));
        }
    }

    fn miss(&mut self, mut reason: String) {
        if self.missing.len() < REASONS {
            status::shorten(&mut reason, REASON_BYTES);
            self.missing.insert(reason);
        }
    }

    /// What the reader is to hear; none while there is nothing. `away`: how long a node may be before its logs are missing.
    pub(super) fn take(&mut self, view: &View, away: Duration) -> Option<pb::NextLogsResponse> {
        if !self.queue.is_empty() {
            self.bytes = 0;
            let messages = std::mem::take(&mut self.queue).into();
            return Some(pb::NextLogsResponse { messages, ..Default::default() });
        }
        if !self.is_over(view, away) {
            return None;
        }
        let away = self.targets.values().filter(|target| matches!(target.progress, Progress::Waits(_)));
        let away = away.map(|target| format!("node {} is not available", target.node_id));
        self.missing.extend(away);
        let missing = std::mem::take(&mut self.missing).into_iter().collect();
        Some(pb::NextLogsResponse { messages: Vec::new(), ended: true, missing })
    }

    fn is_over(&self, view: &View, away: Duration) -> bool {
        let follow = self.options.follow;
        let over = |target: &Target| match &target.progress {
            Progress::Over => true,
            Progress::Asked(_) => false,
            // A node that comes back goes on, and its reader has all the time.
            Progress::Waits(since) => !follow && since.elapsed() >= away,
        };
        let more = follow && (self.may_come(view) || self.targets.is_empty() && !self.services.is_empty());
        !more && self.targets.values().all(over)
    }

    /// Whether a task may still get a log: its service is there, or it has not begun.
    fn may_come(&self, view: &View) -> bool {
        let begins = |id: &String| {
            view.task(id).is_some_and(|task| !has_log(task) && !task::is_over(task) && task::is_live(task))
        };
        let there = |id: &String| view.service(id).is_some_and(|service| !service.removing);
        self.services.iter().any(there) || self.tasks.iter().any(begins)
    }
}

/// Whether the task has, or has had, a container that may have written.
fn has_log(task: &pb::Task) -> bool {
    let status = task.status.as_ref();
    let has_container =
        status.and_then(|status| status.container.as_ref()).is_some_and(|c| !c.container_id.is_empty());
    !task.node_id.is_empty() && has_container && task::state(task) >= TaskState::Running
}
