//! The restart policy: whether a task that has ended gets a successor in its slot, and after how long.

use swarm_api::default;
use swarm_api::pb::{self, RestartCondition, TaskState};

use super::slot::{Slot, created_at_ns};
use crate::task;

/// Whether the ended `task` of `slot` is to have a successor. The answer stays the same as time goes by:
/// attempts are counted back from the task's end, not from now.
pub(super) fn is_wanted(task: &pb::Task, slot: &Slot) -> bool {
    let policy = policy(task);
    let is_job = task.job_iteration != 0;
    let wanted = match policy.condition() {
        // A job that has completed is done, whatever its policy.
        RestartCondition::Any => !is_job || task::state(task) != TaskState::Complete,
        RestartCondition::OnFailure => task::state(task) != TaskState::Complete,
        RestartCondition::None => false,
    };
    wanted && (policy.max_attempts == 0 || attempts(task, slot, &policy) < policy.max_attempts)
}

/// How long the successor waits, in nanoseconds.
pub(super) fn delay_ns(task: &pb::Task) -> i64 {
    policy(task).delay_ns.unwrap_or(0).max(0)
}

/// Restarts of this spec made so far: every ended task but the first was one. Tasks that were replaced for
/// other reasons (a lost node) do not count.
fn attempts(task: &pb::Task, slot: &Slot, policy: &pb::RestartPolicy) -> u64 {
    let since_ns = match policy.window_ns {
        ..=0 => i64::MIN,
        window_ns => created_at_ns(task).saturating_sub(window_ns),
    };
    slot.ended(task, since_ns).saturating_sub(1)
}

fn policy(task: &pb::Task) -> pb::RestartPolicy {
    task.spec.as_ref().map_or_else(|| default::restart(&pb::TaskSpec::default()), default::restart)
}
