//! Makes tasks out of services, and says where each task should be: the only writer of a task's creation and
//! of its desired state, and of a service's update status.
//!
//! In: the view (services, tasks, nodes) and the time. Out: new tasks in state NEW, changed desired states,
//! update statuses. It gives no address, picks no node and deletes nothing.

mod draft;
mod replicated;
mod restart;
mod scale;
mod slot;
mod update;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::leader::Handles;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Event, View};

/// Runs the orchestrator until `stop`.
///
/// # Errors
/// [`ReconcileError`] when this manager can lead no more.
pub async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    reconcile::run(Orchestrator, handles, stop).await
}

/// Keys are ids of services.
struct Orchestrator;

impl Planner for Orchestrator {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        reconcile::touch_services(view, event, dirty);
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        view.services().map(|service| service.id.clone()).collect()
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        let mut planned = Planned::default();
        for service in dirty.iter().filter_map(|id| view.service(id)) {
            replicated::plan(view, service, now_ns, &mut planned);
        }
        planned
    }
}
