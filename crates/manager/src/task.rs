//! Questions about a task that several loops ask, answered once.

use swarm_api::pb::{self, PublishMode, TaskState};

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

/// What the task is to have for itself.
pub(crate) fn reserved(task: &pb::Task) -> pb::Resources {
    let resources = task.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    resources.and_then(|resources| resources.reservations).unwrap_or_default()
}

/// The task's host-mode ports of a number of their own.
pub(crate) fn host_ports(task: &pb::Task) -> impl Iterator<Item = &pb::PortConfig> {
    let ports = task.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    ports.filter(|port| port.publish_mode() == PublishMode::Host && port.published_port != 0)
}

/// The CDI devices that the task asks for.
pub(crate) fn cdi_devices(task: &pb::Task) -> &[String] {
    let container = task.spec.as_ref().and_then(|spec| spec.container.as_ref());
    container.and_then(|container| container.shoal.as_ref()).map_or(&[], |extras| &extras.cdi_devices)
}

/// Whether the task has something of its node that others then cannot have: ports, devices, generic resources.
pub(crate) fn holds(task: &pb::Task) -> bool {
    let given = !task.assigned_generic.is_empty() || !task.assigned_cdi.is_empty();
    given || !cdi_devices(task).is_empty() || host_ports(task).next().is_some()
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
