//! Decides how far a service is: pure.
//!
//! In: a service, its update status and its tasks. Out: the lines to show, and whether it stands.

use std::collections::BTreeMap;

use engine_api::swarm::{ReplicatedJob, Service, ServiceMode, Task, UpdateStatus};

use super::bar::bar;
use crate::format::text::short_id;

/// More places than this are not listed one by one, as in Docker's client.
const MAX_LISTED: u64 = 20;
/// The states a task goes through, in order.
const STATES: [&str; 10] = [
    "new",
    "allocated",
    "pending",
    "assigned",
    "accepted",
    "preparing",
    "ready",
    "starting",
    "running",
    "complete",
];
/// How many of them a task that is to go on running goes through.
const TO_RUNNING: u64 = 9;
/// Width of the widest state while a task makes its way.
const STATE_WIDTH: usize = 9;

/// How far a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Whether all tasks that are wanted run, or have completed.
    is_reached: bool,
    /// What the daemon's updater says.
    pub(crate) update: Update,
    /// Key and text of each line, the overall one first.
    pub(crate) lines: Vec<(String, String)>,
}

/// The state of an update of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Update {
    /// None, or finished.
    Done,
    Running,
    /// Why it goes back.
    RollingBack(String),
    /// A sentence that says what is paused.
    Paused(String),
    RolledBack(String),
}

impl Progress {
    /// Whether all tasks that are wanted run, and no update is on its way.
    pub(crate) fn stands(&self) -> bool {
        self.is_reached && matches!(self.update, Update::Done | Update::RolledBack(_))
    }
}

/// Reads the update status.
pub(crate) fn update(status: Option<&UpdateStatus>) -> Update {
    let Some(status) = status else { return Update::Done };
    let message = &status.message;
    match status.state.as_str() {
        "updating" => Update::Running,
        "rollback_started" => Update::RollingBack(message.clone()),
        "paused" => Update::Paused(format!("service update paused: {message}")),
        "rollback_paused" => Update::Paused(format!("service rollback paused: {message}")),
        "rollback_completed" => Update::RolledBack(message.clone()),
        _ => Update::Done,
    }
}

/// Whether the service's tasks run to their end. Such a service stays as it is once it stands.
pub(crate) fn is_job(service: &Service) -> bool {
    service.spec.mode.replicated_job.is_some() || service.spec.mode.global_job.is_some()
}

/// Computes the progress of a service. `tasks` are those of its newest specification, and of a job those of its present run.
pub(crate) fn progress(
    service: &Service,
    update: Update,
    tasks: &[Task],
    is_up: &dyn Fn(&Task) -> bool,
) -> Progress {
    let runs = |task: &Task| is_wanted(task) && task.status.state == "running" && is_up(task);
    let (is_reached, lines) = match service.spec.mode {
        ServiceMode { global: Some(_), .. } => global(&update, tasks, &runs),
        ServiceMode { replicated_job: Some(job), .. } => replicated_job(job, tasks),
        ServiceMode { global_job: Some(_), .. } => global_job(tasks),
        ServiceMode { replicated, .. } => {
            let wanted = replicated.and_then(|mode| mode.replicas).unwrap_or(1);
            replicated_lines(wanted, &update, tasks, &runs)
        }
    };
    Progress { is_reached, update, lines }
}

type Lines = Vec<(String, String)>;

fn replicated_lines(
    wanted: u64,
    update: &Update,
    tasks: &[Task],
    runs: &dyn Fn(&Task) -> bool,
) -> (bool, Lines) {
    let slots = by_place(tasks.iter().filter(|task| task.slot > 0), |task| task.slot, newest);
    let running = count(slots.values(), runs);
    let mut lines = vec![overall(update, running, wanted)];
    if wanted <= MAX_LISTED {
        // Slots are numbered as they are free; the user's list is numbered from one.
        let mut listed = slots.values();
        for number in 1..=wanted {
            let state = listed.next().map_or(" ".to_owned(), |task| state_line(task, TO_RUNNING));
            lines.push((number.to_string(), format!("{number}/{wanted}: {state}").trim_end().to_owned()));
        }
    }
    (running >= wanted, lines)
}

fn global(update: &Update, tasks: &[Task], runs: &dyn Fn(&Task) -> bool) -> (bool, Lines) {
    let nodes = by_place(tasks.iter().filter(|task| is_wanted(task)), |task| &*task.node_id, newest);
    if nodes.is_empty() {
        // Either they are not made yet, or no node suits the service.
        return (false, vec![("overall".to_owned(), "overall progress: waiting for new tasks".to_owned())]);
    }
    let (running, wanted) = (count(nodes.values(), runs), length(nodes.len()));
    let mut lines = vec![overall(update, running, wanted)];
    lines.extend(node_lines(&nodes, TO_RUNNING));
    (running >= wanted, lines)
}

fn replicated_job(job: ReplicatedJob, tasks: &[Task]) -> (bool, Lines) {
    let at_once = job.max_concurrent.unwrap_or(1);
    let total = job.total_completions.unwrap_or(at_once);
    let slots = by_place(tasks.iter(), |task| task.slot, furthest);
    let completed = count(slots.values(), &is_complete);
    let active = count(slots.values(), &|task| STATES[..9].contains(&task.status.state.as_str()));
    let possible = at_once.min(total.saturating_sub(completed));
    let mut lines = vec![
        job_overall(completed, total),
        ("active".to_owned(), format!("active tasks: {active} out of {possible} tasks")),
    ];
    if total <= MAX_LISTED {
        for number in 1..=total {
            let state =
                slots.get(&(number - 1)).map_or(" ".to_owned(), |task| state_line(task, TO_RUNNING + 1));
            lines.push((number.to_string(), format!("{number}/{total}: {state}").trim_end().to_owned()));
        }
    }
    (completed >= total, lines)
}

fn global_job(tasks: &[Task]) -> (bool, Lines) {
    let nodes = by_place(tasks.iter(), |task| &*task.node_id, furthest);
    if nodes.is_empty() {
        return (false, vec![("job".to_owned(), "job progress: waiting for tasks".to_owned())]);
    }
    let (completed, total) = (count(nodes.values(), &is_complete), length(nodes.len()));
    let mut lines = vec![job_overall(completed, total)];
    lines.extend(node_lines(&nodes, TO_RUNNING + 1));
    (completed >= total, lines)
}

/// The task that stands for each place: of several the one that ranks highest.
fn by_place<'a, K: Ord, R: Ord>(
    tasks: impl Iterator<Item = &'a Task>,
    place: impl Fn(&'a Task) -> K,
    rank: impl Fn(&'a Task) -> R,
) -> BTreeMap<K, &'a Task> {
    let mut places: BTreeMap<K, &Task> = BTreeMap::new();
    for task in tasks {
        let known = places.entry(place(task)).or_insert(task);
        if rank(task) > rank(known) {
            *known = task;
        }
    }
    places
}

/// One that shall run before one that shall not, then the newest.
fn newest(task: &Task) -> (bool, engine_api::Timestamp) {
    (is_wanted(task), task.created_at)
}

/// One that has completed before the newest.
fn furthest(task: &Task) -> (bool, engine_api::Timestamp) {
    (is_complete(task), task.created_at)
}

fn is_wanted(task: &Task) -> bool {
    matches!(task.desired_state.as_str(), "running" | "ready")
}

fn is_complete(task: &Task) -> bool {
    task.status.state == "complete"
}

fn count<'a>(tasks: impl Iterator<Item = &'a &'a Task>, which: &dyn Fn(&Task) -> bool) -> u64 {
    length(tasks.filter(|task| which(task)).count())
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn overall(update: &Update, running: u64, wanted: u64) -> (String, String) {
    let direction = match update {
        Update::RollingBack(_) => "overall progress: rolling back update",
        _ => "overall progress",
    };
    ("overall".to_owned(), format!("{direction}: {running} out of {wanted} tasks"))
}

fn job_overall(completed: u64, total: u64) -> (String, String) {
    let bar = bar(completed, total);
    ("job".to_owned(), format!("job progress: {completed} out of {total} complete {bar}"))
}

fn node_lines<'a>(
    nodes: &'a BTreeMap<&str, &Task>,
    steps: u64,
) -> impl Iterator<Item = (String, String)> + 'a {
    let listed = nodes.iter().filter(|_| length(nodes.len()) <= MAX_LISTED);
    listed.map(move |(node_id, task)| {
        ((*node_id).to_owned(), format!("{}: {}", short_id(node_id), state_line(task, steps)))
    })
}

fn state_line(task: &Task, steps: u64) -> String {
    let state = task.status.state.as_str();
    if !task.status.err.is_empty() && state != "running" {
        return task.status.err.clone();
    }
    match STATES.iter().position(|known| *known == state) {
        Some(step) => {
            // A pending task says what it waits for.
            let why = if state == "pending" && !task.status.message.is_empty() {
                format!(" {}", task.status.message)
            } else {
                String::new()
            };
            format!("{state:STATE_WIDTH$} {}{why}", bar(length(step + 1), steps))
        }
        None => state.to_owned(),
    }
}

#[cfg(test)]
mod tests;
