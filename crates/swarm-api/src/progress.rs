//! How far a task has come, which tells the newer of two statuses.

use crate::pb;

/// Greater is newer: a later attempt comes after all states of an earlier one, and within an attempt the state only grows.
#[must_use]
pub fn progress(status: &pb::TaskStatus) -> (u64, i32) {
    (status.attempt, status.state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pb::TaskState;

    #[test]
    fn a_later_attempt_is_newer_whatever_its_state() {
        let status =
            |attempt, state: TaskState| pb::TaskStatus { attempt, state: state.into(), ..Default::default() };
        let failed = status(0, TaskState::Failed);
        assert!(progress(&status(0, TaskState::Running)) < progress(&failed));
        assert!(progress(&failed) < progress(&status(1, TaskState::Preparing)));
        assert!(progress(&status(1, TaskState::Failed)) < progress(&status(2, TaskState::Running)));
    }
}
