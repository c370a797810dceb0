//! How many tasks of a service run, should, and are done: what lists of services show.

use std::collections::BTreeSet;

use swarm_api::default;
use swarm_api::pb::service_spec::Mode;
use swarm_api::pb::{self, TaskState};

use crate::store::State;
use crate::task::{Place, is_live, place, state};

/// Counts the service's tasks. Reads no other task.
pub(super) fn tasks(view: &State, service: &pb::Service) -> pb::ServiceCounts {
    let count = |which: &dyn Fn(&pb::Task) -> bool| {
        let tasks = view.tasks_of_service(&service.id).filter(|task| which(task));
        u64::try_from(tasks.count()).unwrap_or(u64::MAX)
    };
    let mode =
        service.spec.as_ref().map_or(Mode::Replicated(pb::ReplicatedService::default()), default::mode);
    let of_run = |task: &pb::Task| task.job_iteration == service.job_iteration;
    let runs = |task: &pb::Task| is_live(task) && state(task) == TaskState::Running;
    let waits = |task: &pb::Task| is_live(task) && of_run(task) && state(task) != TaskState::Complete;
    let completed = |task: &pb::Task| of_run(task) && state(task) == TaskState::Complete;
    let (desired, completed) = match mode {
        Mode::Replicated(replicated) => (replicated.replicas, 0),
        Mode::Global(_) => (count(&is_live), 0),
        Mode::ReplicatedJob(_) | Mode::GlobalJob(_) => {
            // A place whose node was lost may have completed there and where it was begun again.
            let done: BTreeSet<Place> = view
                .tasks_of_service(&service.id)
                .filter(|task| completed(task))
                .map(|task| place(task))
                .collect();
            (count(&waits), u64::try_from(done.len()).unwrap_or(u64::MAX))
        }
    };
    pb::ServiceCounts { running: count(&runs), desired, completed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action, Transaction, apply};

    fn counted(mode: Mode, tasks: &[(TaskState, TaskState, u64)]) -> (u64, u64, u64) {
        let service = pb::Service {
            id: "s".into(),
            spec: Some(pb::ServiceSpec { mode: Some(mode), ..Default::default() }),
            job_iteration: 2,
            ..Default::default()
        };
        let task = |(number, (desired, seen, run)): (usize, &(TaskState, TaskState, u64))| pb::Task {
            id: number.to_string(),
            service_id: "s".into(),
            slot: u64::from(*seen != TaskState::Complete) * u64::try_from(number).unwrap(),
            desired_state: (*desired).into(),
            status: Some(pb::TaskStatus { state: (*seen).into(), ..Default::default() }),
            job_iteration: *run,
            ..Default::default()
        };
        let puts: Transaction = tasks.iter().enumerate().map(task).map(Action::put).collect();
        let mut state = State::default();
        apply(&mut state, puts, 0, 1).unwrap();
        let counts = super::tasks(&state, &service);
        (counts.running, counts.desired, counts.completed)
    }

    #[test]
    fn each_mode_counts_what_docker_shows_of_it() {
        use TaskState::{Complete, Failed, Leaving, Pending, Running, Shutdown};
        let tasks =
            [(Running, Running, 2), (Running, Pending, 2), (Shutdown, Failed, 2), (Leaving, Running, 2)];
        assert_eq!(counted(Mode::Replicated(pb::ReplicatedService { replicas: 5 }), &tasks), (1, 5, 0));
        assert_eq!(counted(Mode::Global(pb::GlobalService {}), &tasks), (1, 2, 0));
        let tasks =
            [(Running, Running, 2), (Shutdown, Complete, 2), (Shutdown, Complete, 1), (Shutdown, Failed, 2)];
        assert_eq!(counted(Mode::GlobalJob(pb::GlobalJob {}), &tasks), (1, 1, 1));
        let twice = [(Shutdown, Complete, 2), (Shutdown, Complete, 2)];
        assert_eq!(counted(Mode::ReplicatedJob(pb::ReplicatedJob::default()), &twice).2, 1, "in one place");
    }
}
