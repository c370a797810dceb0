//! Tasks: only read here; the loops make, place and end them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use swarm_api::{naming, pb};

use super::{Control, ControlError, filter, reference};

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
        // A reference that means nothing is not an error here: it lets no task pass.
        let services =
            resolved(&request.services, |one| reference::service(&view, one).map(|found| found.id.clone()));
        let nodes = resolved(&request.nodes, |one| reference::node(&view, one).map(|found| found.id.clone()));
        let wanted = |task: &&Arc<pb::Task>| {
            filter::begins(&task.id, &request.ids)
                && filter::among(&task.service_id, services.as_ref())
                && filter::among(&task.node_id, nodes.as_ref())
                && (request.desired_states.is_empty() || request.desired_states.contains(&task.desired_state))
                && (request.names.is_empty() || filter::begins(&naming::task(task), &request.names))
                && (request.labels.is_empty()
                    || labels(task).is_some_and(|have| filter::labels(have, &request.labels)))
        };
        let tasks = match services.as_ref() {
            None => view.tasks().filter(wanted).map(|task| (**task).clone()).collect(),
            Some(ids) => ids
                .iter()
                .flat_map(|id| view.tasks_of_service(id))
                .filter(wanted)
                .map(|task| (**task).clone())
                .collect(),
        };
        Ok(pb::ListTasksResponse { tasks })
    }
}

fn resolved(
    references: &[String],
    resolve: impl Fn(&str) -> Result<String, ControlError>,
) -> Option<BTreeSet<String>> {
    if references.is_empty() {
        return None;
    }
    Some(references.iter().filter_map(|one| resolve(one).ok()).collect())
}

fn labels(task: &pb::Task) -> Option<&HashMap<String, String>> {
    task.spec.as_ref()?.container.as_ref().map(|container| &container.labels)
}
