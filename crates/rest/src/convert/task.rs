//! Tasks: proto → model.

use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::{naming, pb};

use super::service::{run, told_generic, told_port, told_task_spec};
use super::swarm::version;

/// A task, as it is told.
pub(crate) fn task(task: pb::Task) -> api::Task {
    let desired_state = desired(&task).to_owned();
    let node_id = naming::node_id(&task).to_owned();
    let meta = task.meta.unwrap_or_default();
    api::Task {
        id: task.id,
        version: version(&meta),
        created_at: Timestamp::from_ns_or_never(meta.created_at_ns),
        updated_at: Timestamp::from_ns_or_never(meta.updated_at_ns),
        spec: told_task_spec(task.spec.unwrap_or_default()),
        service_id: task.service_id,
        slot: task.slot,
        assigned_generic_resources: task.assigned_generic.into_iter().map(told_generic).collect(),
        node_id,
        shoal: news(task.placed, task.assigned_cdi),
        status: status(task.status.unwrap_or_default()),
        desired_state,
        job_iteration: (task.job_iteration != 0).then(|| run(task.job_iteration)),
        ..api::Task::default()
    }
}

/// Only where there is something to tell.
fn news(placement: String, assigned_cdi_devices: Vec<String>) -> Option<api::TaskNews> {
    let news = api::TaskNews { placement, assigned_cdi_devices };
    (news != api::TaskNews::default()).then_some(news)
}

fn status(status: pb::TaskStatus) -> api::TaskStatus {
    api::TaskStatus {
        timestamp: Timestamp::from_ns_or_never(status.timestamp_ns),
        state: word(status.state()).to_owned(),
        message: status.message,
        err: status.err,
        container_status: status.container.map(|container| api::ContainerStatus {
            container_id: container.container_id,
            pid: i64::from(container.pid),
            exit_code: i64::from(container.exit_code),
        }),
        port_status: api::PortStatus { ports: status.ports.into_iter().map(told_port).collect() },
    }
}

const WORDS: [(pb::TaskState, &str); 15] = [
    (pb::TaskState::New, "new"),
    (pb::TaskState::Pending, "pending"),
    (pb::TaskState::Assigned, "assigned"),
    (pb::TaskState::Accepted, "accepted"),
    (pb::TaskState::Preparing, "preparing"),
    (pb::TaskState::Ready, "ready"),
    (pb::TaskState::Starting, "starting"),
    (pb::TaskState::Running, "running"),
    (pb::TaskState::Leaving, "leaving"),
    (pb::TaskState::Complete, "complete"),
    (pb::TaskState::Shutdown, "shutdown"),
    (pb::TaskState::Failed, "failed"),
    (pb::TaskState::Rejected, "rejected"),
    (pb::TaskState::Remove, "remove"),
    (pb::TaskState::Orphaned, "orphaned"),
];

/// Where the task should be, in the API's word. It has none for a task that is on its way out, and says of a job's that it
/// should complete.
pub(crate) fn desired(task: &pb::Task) -> &'static str {
    let completes = task.status.as_ref().map(pb::TaskStatus::state) == Some(pb::TaskState::Complete);
    match task.desired_state() {
        pb::TaskState::Leaving => word(pb::TaskState::Shutdown),
        pb::TaskState::Shutdown if task.job_iteration != 0 && completes => word(pb::TaskState::Complete),
        wanted if task.job_iteration != 0 && wanted <= pb::TaskState::Running => {
            word(pb::TaskState::Complete)
        }
        wanted => word(wanted),
    }
}

/// The desired states among which are those of the word.
pub(crate) fn desired_states(wish: &str) -> Option<Vec<pb::TaskState>> {
    use pb::TaskState::{Leaving, Ready, Running, Shutdown};
    match state(wish)? {
        pb::TaskState::Complete => Some(vec![Ready, Running, Shutdown]),
        Shutdown => Some(vec![Leaving, Shutdown]),
        other => Some(vec![other]),
    }
}

/// The API's word of a state.
fn word(state: pb::TaskState) -> &'static str {
    WORDS.iter().find(|(other, _)| *other == state).map_or("unknown", |(_, word)| word)
}

/// The state of a word.
pub(crate) fn state(word: &str) -> Option<pb::TaskState> {
    WORDS.iter().find(|(_, other)| *other == word).map(|(state, _)| *state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_word() {
        for number in 0..1000 {
            if let Ok(found) = pb::TaskState::try_from(number) {
                assert_ne!(word(found), "unknown", "{found:?}");
                assert_eq!(state(word(found)), Some(found));
            }
        }
    }
}
