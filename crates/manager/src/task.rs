//! Questions about a task that several loops ask, answered once.

use swarm_api::pb::{self, TaskState};

use crate::node;
use crate::store::View;

/// What of its service a task stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The replica of this number.
    Slot(u64),
    /// The service on this node.
    Node(String),
}

/// The place the task is, or was, in. It has one at a time that is to run, but for a moment of an update or a drain.
pub(crate) fn place(task: &pb::Task) -> Place {
    match task.for_node_id.as_str() {
        "" => Place::Slot(task.slot),
        node_id => Place::Node(node_id.to_owned()),
    }
}

/// What was last seen of the task.
pub(crate) fn state(task: &pb::Task) -> TaskState {
    task.status.as_ref().map_or(TaskState::New, pb::TaskStatus::state)
}

/// Whether the task is meant to run, or to be made ready to.
pub(crate) fn is_live(task: &pb::Task) -> bool {
    task.desired_state() <= TaskState::Running
}

/// Whether its node is not to stop it (yet): it is live, or leaves the load balancers.
pub(crate) fn is_to_go_on(task: &pb::Task) -> bool {
    task.desired_state() <= TaskState::Leaving
}

/// Whether the allocator or the scheduler has said why the task has to wait.
pub(crate) fn waits_in_vain(task: &pb::Task) -> bool {
    let says_why = task.status.as_ref().is_some_and(|status| !status.err.is_empty());
    state(task) <= TaskState::Pending && says_why
}

/// Whether the task has ended, in whatever way.
pub(crate) fn is_over(task: &pb::Task) -> bool {
    state(task) > TaskState::Running
}

/// Whether it ended by itself: not because it was told to, nor because its node was lost.
pub(crate) fn ended_itself(task: &pb::Task) -> bool {
    matches!(state(task), TaskState::Complete | TaskState::Failed | TaskState::Rejected)
}

/// Whether a container of the task may run on a node that can be reached.
pub(crate) fn may_run(view: &View, task: &pb::Task) -> bool {
    !task.node_id.is_empty() && !is_over(task) && !node::is_lost(view, &task.node_id)
}

/// The task with the status that its node has reported, and since when that is so.
pub(crate) fn with_status(task: &pb::Task, status: pb::TaskStatus, now_ns: i64) -> pb::Task {
    let mut task = task.clone();
    let (before, attempt) = (state(&task), task.status.as_ref().map_or(0, |status| status.attempt));
    if attempt != status.attempt {
        (task.running_since_ns, task.ended_at_ns) = (0, 0);
    }
    task.status = Some(status);
    if state(&task) == TaskState::Running && (before != TaskState::Running || task.running_since_ns == 0) {
        task.running_since_ns = now_ns;
    }
    if is_over(&task) && task.ended_at_ns == 0 {
        task.ended_at_ns = now_ns;
    }
    task
}

/// The task with another status: the state, its message, and no error.
pub(crate) fn with_state(task: &pb::Task, state: TaskState, message: &str, now_ns: i64) -> pb::Task {
    let mut task = task.clone();
    let status = task.status.get_or_insert_default();
    status.set_state(state);
    status.timestamp_ns = now_ns;
    message.clone_into(&mut status.message);
    status.err.clear();
    task
}
