//! What is told of an update, in swarmkit's words.

use swarm_api::pb::{self, UpdateState};

pub(super) fn began(now_ns: i64) -> pb::UpdateStatus {
    started(UpdateState::Updating, now_ns, "update in progress".to_owned())
}

/// The update has failed, and the way back begins.
pub(super) fn rolled_back(now_ns: i64, task_id: &str) -> pb::UpdateStatus {
    let message = format!("update rolled back due to failure or early termination of task {task_id}");
    started(UpdateState::RollbackStarted, now_ns, message)
}

pub(super) fn paused(status: pb::UpdateStatus, task_id: &str) -> pb::UpdateStatus {
    let (state, what) = match status.state() {
        UpdateState::RollbackStarted => (UpdateState::RollbackPaused, "rollback"),
        _ => (UpdateState::Paused, "update"),
    };
    let message = format!("{what} paused due to failure or early termination of task {task_id}");
    pb::UpdateStatus { state: state.into(), message, ..status }
}

pub(super) fn completed(status: pb::UpdateStatus, now_ns: i64) -> pb::UpdateStatus {
    let (state, message) = match status.state() {
        UpdateState::RollbackStarted => (UpdateState::RollbackCompleted, "rollback completed"),
        _ => (UpdateState::Completed, "update completed"),
    };
    pb::UpdateStatus { state: state.into(), completed_at_ns: now_ns, message: message.to_owned(), ..status }
}

fn started(state: UpdateState, now_ns: i64, message: String) -> pb::UpdateStatus {
    pb::UpdateStatus { state: state.into(), started_at_ns: now_ns, completed_at_ns: 0, message }
}
