//! The drivers of this node, by task.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};
use swarm_api::progress::progress;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use crate::driver::{Begin, Shared, drive};
use crate::step::Goal;

/// What the journal knows of a task.
#[derive(Default)]
pub(crate) struct Known {
    /// Its newest status, which wins over the managers' if it is further on.
    pub(crate) status: Option<pb::TaskStatus>,
    /// When it was run again without a manager, in nanoseconds since the epoch.
    pub(crate) attempts: Vec<i64>,
}

/// Starts drivers, tells them their goals, and knows which have ended.
pub(crate) struct Roster {
    shared: Arc<Shared>,
    goals: BTreeMap<String, watch::Sender<Goal>>,
    drivers: JoinSet<String>,
    /// Which task a driver is for, to name it if it is lost.
    names: HashMap<Id, String>,
}

impl Roster {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Roster { shared, goals: BTreeMap::new(), drivers: JoinSet::new(), names: HashMap::new() }
    }

    /// Sets the task's goal; starts its driver if it has none.
    pub(crate) fn assign(&mut self, task: pb::Task, known: Known, goal: Goal) {
        if let Some(sender) = self.goals.get(&task.id) {
            // A task that was told to stop stays told.
            sender.send_if_modified(|current| {
                let further = goal > *current;
                *current = goal.max(*current);
                further
            });
            return;
        }
        let told = task.status.clone().unwrap_or_default();
        let status = known.status.filter(|known| progress(known) >= progress(&told)).unwrap_or(told);
        let (sender, receiver) = watch::channel(goal);
        self.goals.insert(task.id.clone(), sender);
        let id = task.id.clone();
        let begin = Begin { task, status, attempts: known.attempts };
        let driver = self.drivers.spawn(drive(Arc::clone(&self.shared), begin, receiver));
        self.names.insert(driver.id(), id);
    }

    /// The task is no longer assigned.
    pub(crate) fn withdraw(&mut self, task_id: &str) {
        if let Some(sender) = self.goals.get(task_id) {
            sender.send_replace(Goal::Absent);
        }
    }

    /// The tasks that have a driver.
    pub(crate) fn tasks(&self) -> BTreeSet<String> {
        self.goals.keys().cloned().collect()
    }

    /// Waits until a driver has ended: its task, and whether it ended well (its container is gone).
    /// For ever while there are none.
    pub(crate) async fn ended(&mut self) -> (String, bool) {
        loop {
            match self.drivers.join_next_with_id().await {
                None => std::future::pending::<()>().await,
                Some(Ok((id, task_id))) => {
                    self.names.remove(&id);
                    self.goals.remove(&task_id);
                    return (task_id, true);
                }
                Some(Err(error)) => {
                    if let Some(task_id) = self.names.remove(&error.id()) {
                        self.goals.remove(&task_id);
                        return (task_id, false);
                    }
                }
            }
        }
    }
}

/// The status of a task whose driver was lost to a defect of ours.
pub(crate) fn lost(now_ns: i64, attempt: u64) -> pb::TaskStatus {
    pb::TaskStatus {
        attempt,
        state: TaskState::Failed as i32,
        timestamp_ns: now_ns,
        err: "the worker lost track of the task".to_owned(),
        ..Default::default()
    }
}
