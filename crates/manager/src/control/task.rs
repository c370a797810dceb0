//! Tasks: only read here; the loops make, place and end them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use swarm_api::{naming, pb};

use super::{Control, ControlError, filter, reference};
use crate::store::State;

impl Control {
    pub(super) async fn get_task(&self, reference: &str) -> Result<pb::Task, ControlError> {
        let view = self.reader.view().await?;
        reference::task(&view, reference).map(|task| (**task).clone())
    }

    pub(super) async fn list_tasks(
        &self,
        request: &pb::ListTasksRequest,
    ) -> Result<pb::ListTasksResponse, ControlError> {
        let view = self.reader.view().await?;
        Ok(pb::ListTasksResponse { tasks: listed(&view, request)? })
    }
}

/// The tasks that are asked for. Where services or nodes are named, only theirs are read.
fn listed(state: &State, request: &pb::ListTasksRequest) -> Result<Vec<pb::Task>, ControlError> {
    let services =
        resolved(&request.services, |one| reference::service(state, one).map(|found| found.id.clone()))?;
    let nodes = resolved(&request.nodes, |one| reference::node(state, one).map(|found| found.id.clone()))?;
    let wanted = |task: &&Arc<pb::Task>| {
        filter::begins(&task.id, &request.ids)
            && filter::among(&task.service_id, services.as_ref())
            && filter::among(&task.node_id, nodes.as_ref())
            && (request.desired_states.is_empty() || request.desired_states.contains(&task.desired_state))
            && (request.names.is_empty() || filter::begins(&naming::task(task), &request.names))
            && (request.labels.is_empty()
                || labels(state, task).is_some_and(|have| filter::labels(have, &request.labels)))
    };
    let candidates: Box<dyn Iterator<Item = &Arc<pb::Task>>> = match (&services, &nodes) {
        (Some(ids), _) => Box::new(ids.iter().flat_map(|id| state.tasks_of_service(id))),
        (None, Some(ids)) => Box::new(ids.iter().flat_map(|id| state.tasks_of_node(id))),
        (None, None) => Box::new(state.tasks()),
    };
    Ok(candidates.filter(wanted).map(|task| (**task).clone()).collect())
}

/// The ids of what is named, none when nothing is. Who names what is not there is told so: an empty list would say that there are no tasks.
fn resolved(
    references: &[String],
    resolve: impl Fn(&str) -> Result<String, ControlError>,
) -> Result<Option<BTreeSet<String>>, ControlError> {
    if references.is_empty() {
        return Ok(None);
    }
    references.iter().map(|one| resolve(one)).collect::<Result<_, _>>().map(Some)
}

/// Tasks are filtered by the labels of their services, as swarmkit does; those of containers are the containers' list's.
fn labels<'a>(state: &'a State, task: &pb::Task) -> Option<&'a HashMap<String, String>> {
    let spec = state.service(&task.service_id)?.spec.as_ref()?;
    spec.annotations.as_ref().map(|annotations| &annotations.labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action, apply, reads};

    const SERVICES: usize = 1_000;
    const TASKS_EACH: usize = 10;
    /// Beside the tasks themselves: the service or node that is named.
    const FEW: u64 = 3;

    fn many() -> State {
        let service = |number: usize| {
            let annotations = Some(pb::Annotations { name: format!("s{number}"), ..Default::default() });
            pb::Service {
                id: format!("id{number:04}"),
                spec: Some(pb::ServiceSpec { annotations, ..Default::default() }),
                ..Default::default()
            }
        };
        let task = |number: usize| pb::Task {
            id: format!("task{number:05}"),
            service_id: format!("id{:04}", number / TASKS_EACH),
            node_id: format!("node{}", number % SERVICES),
            ..Default::default()
        };
        let node = |number: usize| pb::Node { id: format!("node{number}"), ..Default::default() };
        let services = (0..SERVICES).map(service).map(Action::put);
        let tasks = (0..SERVICES * TASKS_EACH).map(task).map(Action::put);
        let mut state = State::default();
        let all = services.chain(tasks).chain((0..SERVICES).map(node).map(Action::put)).collect();
        apply(&mut state, all, 0, 1).unwrap();
        state
    }

    #[test]
    fn tasks_of_one_of_many_services_or_nodes_are_found_without_reading_others() {
        let state = many();
        let each = u64::try_from(TASKS_EACH).unwrap();
        let one = |text: &str| vec![text.to_owned()];
        for request in [
            pb::ListTasksRequest { services: one("s500"), ..Default::default() },
            pb::ListTasksRequest { services: one("id0500"), ..Default::default() },
            pb::ListTasksRequest { nodes: one("node500"), ..Default::default() },
        ] {
            let (read, tasks) = reads::during(|| listed(&state, &request).unwrap());
            assert_eq!(tasks.len(), TASKS_EACH, "{request:?}");
            assert!(read <= each + FEW, "{request:?} has read {read} objects");
        }
        assert_eq!(listed(&state, &pb::ListTasksRequest::default()).unwrap().len(), SERVICES * TASKS_EACH);
    }
}
