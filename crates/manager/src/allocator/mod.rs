//! Gives services their published ports, networks their subnets, and tasks the endpoint of their service and their places on
//! networks: New → Pending.
//!
//! In: the view. Out: `service.endpoint`, `network.subnets` and `vni`, and tasks in state PENDING, or still NEW with the reason. It picks no
//! node; host-mode ports are the scheduler's and the node's.

mod network;
mod port;

use std::collections::BTreeSet;
use std::sync::Arc;

use swarm_api::pb::{self, TaskState};
use tokio_util::sync::CancellationToken;

use self::network::Spaces;
use self::port::Held;
use crate::leader::Handles;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Action, Event, Object, View};
use crate::subnet;
use crate::task::{self, is_live, with_state};

/// The first number of a network's packets; swarmkit's, too.
const FIRST_VNI: u32 = 4096;
/// A number has 24 bits (RFC 7348, section 5).
const LAST_VNI: u32 = (1 << 24) - 1;
/// Who waits for an address or a network is looked at again after this time.
const RETRY_NS: i64 = 1_000_000_000;

/// Runs the allocator until `stop`.
///
/// # Errors
/// [`ReconcileError`] when this manager can lead no more.
pub async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    reconcile::run(Allocator, handles, stop).await
}

/// Keys are ids of services and of networks.
pub(crate) struct Allocator;

impl Planner for Allocator {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        match event {
            // Whoever waits for a port may have it now.
            Event::Deleted(Object::Service(old)) if port::frees(old, None) => {
                dirty.extend(self.everything(view));
            }
            Event::Updated { old: Object::Service(old), new: Object::Service(new) }
                if port::frees(old, Some(new)) =>
            {
                dirty.extend(self.everything(view));
            }
            Event::Created(Object::Service(service))
            | Event::Updated { new: Object::Service(service), .. } => {
                dirty.insert(service.id.clone());
            }
            Event::Created(Object::Network(network)) => {
                dirty.insert(network.id.clone());
            }
            // It has addresses now.
            Event::Updated { new: Object::Network(_), .. } => dirty.extend(self.everything(view)),
            Event::Created(Object::Task(task)) => {
                dirty.insert(task.service_id.clone());
            }
            Event::Created(_) | Event::Updated { .. } | Event::Deleted(_) => {}
        }
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        let services = view.services().map(|service| service.id.clone());
        services.chain(view.networks().map(|network| network.id.clone())).collect()
    }

    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned {
        let mut planned = Planned::default();
        // One at a time: the next is settled beside what this one has got.
        let bare = |network: &&Arc<pb::Network>| network.subnets.is_empty();
        let bare = dirty.iter().filter_map(|id| view.network(id)).find(bare);
        if let Some(action) = bare.and_then(|network| settled(view, network)) {
            planned.actions.push(action);
        }
        let (mut held, mut spaces) = (Held::of(view), Spaces::of(view));
        for service in dirty.iter().filter_map(|id| view.service(id)).filter(|service| !service.removing) {
            plan_service(view, service, (&mut held, &mut spaces), now_ns, &mut planned);
        }
        planned
    }
}

fn plan_service(
    view: &View,
    service: &Arc<pb::Service>,
    (held, spaces): (&mut Held<'_>, &mut Spaces<'_>),
    now_ns: i64,
    planned: &mut Planned,
) {
    let endpoint = held.endpoint(service);
    if let Ok(endpoint) = &endpoint
        && service.endpoint.as_ref() != Some(endpoint)
    {
        let mut service = pb::Service::clone(service);
        service.endpoint = Some(endpoint.clone());
        planned.actions.push(Action::put(service));
    }
    let new = |task: &&Arc<pb::Task>| is_live(task) && task::state(task) == TaskState::New;
    for task in view.tasks_of_service(&service.id).filter(new) {
        let endpoint = match &endpoint {
            Ok(endpoint) => endpoint.clone(),
            Err(conflict) => {
                planned.actions.extend(waiting(task, &conflict.to_string(), now_ns));
                continue;
            }
        };
        match spaces.places(task) {
            Ok(places) => {
                let mut task = with_state(task, TaskState::Pending, "pending task scheduling", now_ns);
                task.endpoint = Some(endpoint);
                task.networks = places;
                planned.actions.push(Action::put(task));
            }
            Err(lack) => {
                planned.actions.extend(waiting(task, &lack.to_string(), now_ns));
                planned.wakes.push((now_ns.saturating_add(RETRY_NS), service.id.clone()));
            }
        }
    }
}

/// The network with its subnets and its number; none while it cannot have them, which its tasks tell.
fn settled(view: &View, network: &Arc<pb::Network>) -> Option<Action> {
    let subnets = subnet::settle(view, network).ok()?;
    let taken: BTreeSet<u32> = view.networks().map(|other| other.vni).collect();
    let vni = (FIRST_VNI..=LAST_VNI).find(|number| !taken.contains(number))?;
    let mut network = pb::Network::clone(network);
    (network.subnets, network.vni) = (subnets, vni);
    Some(Action::put(network))
}

/// The task with the reason why it waits, unless it says so already.
fn waiting(task: &pb::Task, reason: &str, now_ns: i64) -> Option<Action> {
    let told = task.status.as_ref().is_some_and(|status| status.err == reason);
    (!told).then(|| {
        let mut task = with_state(task, TaskState::New, "pending allocation", now_ns);
        reason.clone_into(&mut task.status.get_or_insert_default().err);
        Action::put(task)
    })
}

#[cfg(test)]
mod tests;
