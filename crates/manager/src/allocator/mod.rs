//! Gives services their published ports, and tasks the endpoint of their service: New → Pending.
//!
//! In: the view. Out: `service.endpoint`, and tasks in state PENDING, or still NEW with the reason. It picks no
//! node; host-mode ports are the scheduler's and the node's.

mod port;

use std::collections::BTreeSet;
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};
use tokio_util::sync::CancellationToken;

use self::port::{Conflict, Held};
use crate::leader::Handles;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Action, Event, Object, View};
use crate::task::{self, is_live, with_state};

/// Runs the allocator until `stop`.
///
/// # Errors
/// [`ReconcileError`] when this manager can lead no more.
pub async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    reconcile::run(Allocator, handles, stop).await
}

/// Keys are ids of services.
struct Allocator;

impl Planner for Allocator {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        match event {
            // Whoever waits for a port may have it now.
            Event::Deleted(Object::Service(_)) | Event::Updated { new: Object::Service(_), .. } => {
                dirty.extend(self.everything(view));
            }
            Event::Created(Object::Service(service)) => {
                dirty.insert(service.id.clone());
            }
            Event::Created(Object::Task(task)) => {
                dirty.insert(task.service_id.clone());
            }
            Event::Created(_) | Event::Updated { .. } | Event::Deleted(_) => {}
        }
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        view.services().map(|service| service.id.clone()).collect()
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        let mut planned = Planned::default();
        let mut held = Held::of(view);
        for service in dirty.iter().filter_map(|id| view.service(id)).filter(|service| !service.removing) {
            plan_service(view, service, &mut held, now_ns, &mut planned.actions);
        }
        planned
    }
}

fn plan_service(
    view: &View,
    service: &Arc<pb::Service>,
    held: &mut Held,
    now_ns: i64,
    actions: &mut Vec<Action>,
) {
    let endpoint = held.endpoint(service);
    if let Ok(endpoint) = &endpoint
        && service.endpoint.as_ref() != Some(endpoint)
    {
        let mut service = pb::Service::clone(service);
        service.endpoint = Some(endpoint.clone());
        actions.push(Action::put(service));
    }
    let new = |task: &&Arc<pb::Task>| is_live(task) && task::state(task) == TaskState::New;
    for task in view.tasks_of_service(&service.id).filter(new) {
        match &endpoint {
            Ok(endpoint) => {
                let mut task = with_state(task, TaskState::Pending, "pending task scheduling", now_ns);
                task.endpoint = Some(endpoint.clone());
                actions.push(Action::put(task));
            }
            Err(conflict) => actions.extend(waiting(task, conflict, now_ns)),
        }
    }
}

/// The task with the reason why it waits, unless it says so already.
fn waiting(task: &pb::Task, conflict: &Conflict, now_ns: i64) -> Option<Action> {
    let reason = conflict.to_string();
    let told = task.status.as_ref().is_some_and(|status| status.err == reason);
    (!told).then(|| {
        let mut task = with_state(task, TaskState::New, "pending port allocation", now_ns);
        task.status.get_or_insert_default().err = reason;
        Action::put(task)
    })
}

#[cfg(test)]
mod tests;
