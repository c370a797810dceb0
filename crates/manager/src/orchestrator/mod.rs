//! Makes tasks out of services, and says where each task should be: the only writer of a task's creation and
//! of its desired state, and of a service's update status.
//!
//! In: the view (services, tasks, nodes) and the time. Out: new tasks in state NEW, changed desired states,
//! update statuses. It gives no address, picks no node and deletes nothing.

mod draft;
mod drain;
mod global;
mod job;
mod leave;
mod replicated;
mod restart;
mod scale;
mod slot;
mod update;
mod upkeep;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use swarm_api::default;
use swarm_api::pb::service_spec::Mode;
use swarm_api::pb::{self, TaskState};
use tokio_util::sync::CancellationToken;

use self::draft::Draft;
use crate::leader::Handles;
use crate::node;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Event, Object, View};

/// Runs the orchestrator until `stop`.
///
/// # Errors
/// [`ReconcileError`] when this manager can lead no more.
pub async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    let leads_since_ns = handles.clock.now_ns();
    reconcile::run(Orchestrator { leads_since_ns }, handles, stop).await
}

/// Keys are ids of services.
struct Orchestrator {
    /// When this manager became the leader, by its clock.
    leads_since_ns: i64,
}

impl Planner for Orchestrator {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        reconcile::touch_services(view, event, dirty);
        touch_everywhere(view, event, dirty);
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        view.services().map(|service| service.id.clone()).collect()
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        let mut planned = Planned::default();
        for service in dirty.iter().filter_map(|id| view.service(id)) {
            plan_service(Draft::new(view, service, now_ns), self.leads_since_ns, &mut planned);
        }
        planned
    }
}

/// Adds to `planned` what is to be done about one service.
fn plan_service(mut draft: Draft<'_>, leads_since_ns: i64, planned: &mut Planned) {
    let service = draft.service;
    draft.places().iter().for_each(|place| leave::go_on(&mut draft, place, leads_since_ns));
    if service.removing {
        draft.places().iter().for_each(|place| draft.set_desired(place, TaskState::Remove, |_| true));
        return draft.finish(planned);
    }
    match service.spec.as_ref().map_or(Mode::Replicated(pb::ReplicatedService::default()), default::mode) {
        Mode::Replicated(mode) => replicated::plan(&mut draft, mode.replicas, planned),
        Mode::Global(_) => global::plan(&mut draft, planned),
        Mode::ReplicatedJob(job) => job::replicated(&mut draft, &job),
        Mode::GlobalJob(_) => job::global(&mut draft),
    }
    draft.places().iter().for_each(|place| upkeep::let_run(&mut draft, place));
    draft.finish(planned);
}

/// Adds the services whose tasks are on no node until one is fit for them: they ask every node that changes.
fn touch_everywhere(view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
    let may_change_fitness = match event {
        Event::Updated { old: Object::Node(old), new: Object::Node(new) } => {
            old.spec != new.spec || node::state(old) != node::state(new) || old.description != new.description
        }
        Event::Created(Object::Node(_)) | Event::Deleted(Object::Node(_)) => true,
        Event::Created(_) | Event::Updated { .. } | Event::Deleted(_) => false,
    };
    let is_everywhere = |service: &&Arc<pb::Service>| {
        let mode = service.spec.as_ref().map(default::mode);
        matches!(mode, Some(Mode::Global(_) | Mode::GlobalJob(_)))
    };
    if may_change_fitness {
        dirty.extend(view.services().filter(is_everywhere).map(|service| service.id.clone()));
    }
}
