//! How much of the store a change makes the planners read.

use std::collections::BTreeSet;

use swarm_api::default;
use swarm_api::pb;

use super::world::*;
use crate::allocator::Allocator;
use crate::orchestrator::Orchestrator;
use crate::reaper::Reaper;
use crate::reconcile::Planner;
use crate::scheduler::Scheduler;
use crate::store::{Action, Event, State, Transaction, View, apply, reads};

const SERVICES: usize = 10_000;
/// Nobody reads more than so many objects for a service of one task, wherever it stands.
const FEW: u64 = 20;

fn service(number: usize) -> pb::Service {
    let annotations = Some(pb::Annotations { name: format!("s{number}"), ..Default::default() });
    pb::Service {
        id: format!("s{number:05}"),
        spec: Some(pb::ServiceSpec { annotations, ..spec(1) }),
        ..Default::default()
    }
}

fn commit(state: &mut State, actions: Vec<Action>) -> Vec<Event> {
    let index = state.index() + 1;
    apply(state, Transaction { actions }, SECOND, index).unwrap()
}

/// What the planner reads when it hears of the events.
fn reads_of(planner: &impl Planner, state: &State, events: &[Event]) -> (u64, Vec<Action>) {
    let view = View::from(state.clone());
    reads::during(|| {
        let mut dirty = BTreeSet::new();
        events.iter().for_each(|event| planner.touch(&view, event, &mut dirty));
        if dirty.is_empty() { Vec::new() } else { planner.plan(&view, &dirty, SECOND).actions }
    })
}

#[test]
fn a_change_of_one_of_many_services_reads_that_ones_tasks() {
    let mut state = State::default();
    commit(&mut state, vec![Action::put(pb::Node { id: "n0".into(), ..Default::default() })]);
    commit(&mut state, (0..SERVICES).map(service).map(Action::put).collect());
    let view = View::from(state.clone());
    let orchestrator = Orchestrator { leads_since_ns: 0 };
    let planned = orchestrator.plan(&view, &orchestrator.everything(&view), SECOND);
    assert_eq!(planned.actions.len(), SERVICES);
    commit(&mut state, planned.actions);

    let mut changed = pb::Service::clone(state.service("s05000").unwrap());
    changed.spec.as_mut().unwrap().mode = default::replicated(2);
    let events = commit(&mut state, vec![Action::put(changed)]);
    let (read, actions) = reads_of(&orchestrator, &state, &events);
    assert!(actions.len() == 1 && read <= FEW, "the orchestrator has read {read} objects");
    let (read, _) = reads_of(&Reaper, &state, &events);
    assert!(read <= FEW, "the reaper has read {read} objects");
    let (read, _) = reads_of(&Scheduler, &state, &events);
    assert_eq!(read, 0, "the scheduler has nothing to do");

    let events = commit(&mut state, actions);
    let (read, actions) = reads_of(&Allocator, &state, &events);
    assert!(!actions.is_empty() && read <= FEW, "the allocator has read {read} objects");
}
