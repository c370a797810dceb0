//! Decides how far a service is: pure.
//!
//! In: what the user wants, the service's update status and its tasks. Out: the lines to show, and whether it stands.

use engine_api::swarm::{Task, UpdateStatus};

use super::bar::bar;

/// More slots than this are not listed one by one, as in Docker's client.
const MAX_LISTED: u64 = 20;
/// The states a task goes through, in order.
const STATES: [&str; 9] =
    ["new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"];
/// Width of the widest state while a task makes its way.
const STATE_WIDTH: usize = 9;

/// How far a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) running: u64,
    pub(crate) wanted: u64,
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
    RollingBack,
    Paused(String),
    RolledBack(String),
}

impl Progress {
    /// Whether all tasks that are wanted run, and no update is on its way.
    pub(crate) fn stands(&self) -> bool {
        self.running >= self.wanted && matches!(self.update, Update::Done | Update::RolledBack(_))
    }
}

/// Reads the update status.
pub(crate) fn update(status: Option<&UpdateStatus>) -> Update {
    let Some(status) = status else { return Update::Done };
    match status.state.as_str() {
        "updating" => Update::Running,
        "rollback_started" => Update::RollingBack,
        "paused" | "rollback_paused" => Update::Paused(status.message.clone()),
        "rollback_completed" => Update::RolledBack(status.message.clone()),
        _ => Update::Done,
    }
}

/// Computes the progress of a service with `wanted` replicas. `tasks` are those of its newest specification.
pub(crate) fn progress(
    wanted: u64,
    update: Update,
    tasks: &[Task],
    is_up: &dyn Fn(&Task) -> bool,
) -> Progress {
    let mut slots: std::collections::BTreeMap<u64, &Task> = std::collections::BTreeMap::new();
    for task in tasks.iter().filter(|task| task.slot > 0) {
        let known = slots.entry(task.slot).or_insert(task);
        if rank(task) > rank(known) {
            *known = task;
        }
    }
    let counts =
        |task: &Task| task.desired_state == "running" && task.status.state == "running" && is_up(task);
    let running = u64::try_from(slots.values().filter(|task| counts(task)).count()).unwrap_or(0);
    let direction = if update == Update::RollingBack { "rolling back update" } else { "overall progress" };
    let mut lines = vec![("overall".to_owned(), format!("{direction}: {running} out of {wanted} tasks"))];
    if wanted <= MAX_LISTED {
        // Slots are numbered as they are free; the user's list is numbered from one.
        let mut listed = slots.values();
        for number in 1..=wanted {
            let state = listed.next().map_or(" ".to_owned(), |task| state_line(task));
            lines.push((number.to_string(), format!("{number}/{wanted}: {state}").trim_end().to_owned()));
        }
    }
    Progress { running, wanted, update, lines }
}

/// The task that stands for its slot: one that shall run before one that shall not, then the newest.
fn rank(task: &Task) -> (bool, engine_api::Timestamp) {
    (task.desired_state == "running", task.created_at)
}

fn state_line(task: &Task) -> String {
    let state = task.status.state.as_str();
    if !task.status.err.is_empty() && state != "running" {
        return task.status.err.clone();
    }
    match STATES.iter().position(|known| *known == state) {
        Some(step) => {
            let step = u64::try_from(step + 1).unwrap_or(0);
            // A pending task says what it waits for.
            let why = if state == "pending" && !task.status.message.is_empty() {
                format!(" {}", task.status.message)
            } else {
                String::new()
            };
            format!("{state:STATE_WIDTH$} {}{why}", bar(step, 9))
        }
        None => state.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(slot: u64, state: &str, desired: &str, created: i64) -> Task {
        let mut task = Task { slot, desired_state: desired.to_owned(), ..Task::default() };
        task.created_at = engine_api::Timestamp::from_ns(created);
        task.status.state = state.to_owned();
        task
    }

    #[test]
    fn counts_one_task_per_slot() {
        let tasks = [
            task(1, "running", "running", 1),
            task(2, "failed", "shutdown", 1),
            task(2, "preparing", "running", 2),
            task(3, "running", "shutdown", 1),
        ];
        let got = progress(3, Update::Done, &tasks, &|_| true);
        assert_eq!((got.running, got.stands()), (1, false));
        assert_eq!(got.lines[0].1, "overall progress: 1 out of 3 tasks");
        assert!(got.lines[1].1.starts_with("1/3: running   [====="), "{}", got.lines[1].1);
        assert!(got.lines[2].1.starts_with("2/3: preparing ["), "{}", got.lines[2].1);
    }

    #[test]
    fn an_error_is_shown_and_a_dead_node_does_not_count() {
        let mut waiting = task(1, "pending", "running", 1);
        waiting.status.err = "no suitable node (insufficient memory on 2 nodes)".to_owned();
        let got = progress(1, Update::Done, &[waiting], &|_| true);
        assert_eq!(got.lines[1].1, "1/1: no suitable node (insufficient memory on 2 nodes)");
        let got = progress(1, Update::Done, &[task(1, "running", "running", 1)], &|_| false);
        assert!(!got.stands());
    }

    #[test]
    fn stands_only_when_no_update_runs() {
        let tasks = [task(1, "running", "running", 1)];
        assert!(progress(1, Update::Done, &tasks, &|_| true).stands());
        assert!(!progress(1, Update::Running, &tasks, &|_| true).stands());
        assert!(progress(0, Update::Done, &[], &|_| true).stands());
        assert_eq!(progress(30, Update::Done, &tasks, &|_| true).lines.len(), 1);
    }
}
