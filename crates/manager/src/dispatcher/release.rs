//! Notes when a task that leaves is out of every load balancer: when each node that may balance to it has acknowledged
//! assignments without it, or has lost its lease (it is down, said goodbye, or left the swarm).
//!
//! In: the view, what nodes were told and have acknowledged. Out: `left_at_ns` of tasks whose desired state is LEAVING. What
//! becomes of them then is the orchestrator's.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use swarm_api::pb::{self, NodeState, TaskState};

use super::session::Sessions;
use super::{Dispatcher, Term};
use crate::node;
use crate::reconcile::{ReconcileError, commit};
use crate::store::{Action, Change, Notice, Object, View};

/// Runs until the term ends.
pub(super) async fn run(dispatcher: &Dispatcher, term: &Term) -> Result<(), ReconcileError> {
    let handles = &dispatcher.handles;
    let mut subscription = handles.store.subscribe();
    let mut leaving = all_leaving(&handles.store.view());
    loop {
        let view = handles.store.view();
        leaving.retain(|id| view.task(id).is_some_and(|task| leaves(task)));
        let left = {
            let sessions = term.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            released(&view, &sessions, &leaving, handles.clock.now_ns())
        };
        if !left.is_empty() {
            match commit(handles, left.into_iter().map(Action::put).collect()).await {
                Ok(()) => {}
                // Something else has changed a task meanwhile.
                Err(error) if error.is_stale() => {}
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        let notice = tokio::select! {
            () = term.stop.cancelled() => return Ok(()),
            () = term.acknowledged.notified() => continue,
            notice = subscription.next() => notice,
        };
        let mut next = Some(notice);
        while let Some(notice) = next {
            match notice {
                Notice::Changed(change) => leaving.extend(touched(&change)),
                Notice::Rescan => leaving = all_leaving(&handles.store.view()),
                Notice::Closed => return Err(ReconcileError::StoreGone),
            }
            next = subscription.try_next();
        }
    }
}

/// The tasks that nobody balances to any more, with the time. Pure.
fn released(view: &View, sessions: &Sessions, leaving: &BTreeSet<String>, now_ns: i64) -> Vec<pb::Task> {
    let mut left = Vec::new();
    for task in leaving.iter().filter_map(|id| view.task(id)).filter(|task| leaves(task)) {
        if !view.nodes().any(|node| may_balance(node, sessions, task)) {
            left.push(pb::Task { left_at_ns: now_ns, ..pb::Task::clone(task) });
        }
    }
    left
}

/// Whether the node may be balancing to the task. It has been told to, or, by an earlier leader, may have been.
fn may_balance(node: &pb::Node, sessions: &Sessions, task: &pb::Task) -> bool {
    // A node that is lost or away has nobody who could be asked; without its lease it is not waited for.
    node::state(node) == NodeState::Ready
        && match sessions.balance(&node.id) {
            Some(balance) if balance.is_known() => balance.may_hold(&task.id),
            // Each node balances to its own tasks.
            _ => node.id == task.node_id,
        }
}

fn leaves(task: &pb::Task) -> bool {
    task.desired_state() == TaskState::Leaving && task.left_at_ns == 0
}

fn all_leaving(view: &View) -> BTreeSet<String> {
    view.tasks().filter(|task| leaves(task)).map(|task| task.id.clone()).collect()
}

fn touched(change: &Arc<Change>) -> impl Iterator<Item = String> {
    change.events.iter().filter_map(|event| match event.object() {
        Object::Task(task) if leaves(task) => Some(task.id.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::dispatcher::FlapConfig;
    use crate::store::{State, Transaction, apply};

    fn world(states: &[NodeState]) -> View {
        let mut transaction = Transaction::default();
        for (number, state) in states.iter().enumerate() {
            let status = Some(pb::NodeStatus { state: (*state).into(), ..Default::default() });
            transaction.put(pb::Node { id: format!("n{number}"), status, ..Default::default() });
        }
        transaction.put(pb::Task {
            id: "t".into(),
            node_id: "n0".into(),
            desired_state: TaskState::Leaving.into(),
            ..Default::default()
        });
        let mut state = State::default();
        apply(&mut state, transaction, 1, 1).unwrap();
        View::from(state)
    }

    fn is_released(view: &View, sessions: &Sessions) -> bool {
        let released = released(view, sessions, &all_leaving(view), 7);
        assert!(released.iter().all(|task| task.left_at_ns == 7));
        !released.is_empty()
    }

    /// Sessions of so many nodes, each told to balance to the task, then not to; what each was told last.
    fn told(nodes: usize) -> (Sessions, Vec<(String, u64)>) {
        let mut sessions = Sessions::default();
        let mut last = Vec::new();
        for number in 0..nodes {
            let node_id = format!("n{number}");
            let opened = sessions.open(&node_id, 1, &FlapConfig::default(), &CancellationToken::new());
            let session_id = opened.unwrap().session.id;
            let first = sessions.sends(&node_id, BTreeSet::from(["t".to_owned()]));
            assert!(sessions.applies(&node_id, first));
            last.push((session_id, sessions.sends(&node_id, BTreeSet::new())));
        }
        (sessions, last)
    }

    #[test]
    fn all_who_were_told_must_acknowledge() {
        let view = world(&[NodeState::Ready; 3]);
        let (mut sessions, last) = told(3);
        for (number, (_, sequence)) in last.iter().enumerate() {
            assert!(!is_released(&view, &sessions), "{number} of 3 have acknowledged");
            sessions.applies(&format!("n{number}"), *sequence);
        }
        assert!(is_released(&view, &sessions));
    }

    #[test]
    fn who_has_lost_its_lease_is_not_waited_for() {
        let (mut sessions, last) = told(2);
        sessions.applies("n0", last[0].1);
        assert!(!is_released(&world(&[NodeState::Ready, NodeState::Ready]), &sessions));
        for state in [NodeState::Down, NodeState::Disconnected] {
            assert!(is_released(&world(&[NodeState::Ready, state]), &sessions), "{state:?}");
        }
        // A session that broke is no lease that ended.
        sessions.close("n1");
        assert!(!is_released(&world(&[NodeState::Ready, NodeState::Ready]), &sessions));
    }

    #[test]
    fn a_new_leader_waits_for_the_tasks_own_node_to_tell() {
        let view = world(&[NodeState::Ready, NodeState::Ready]);
        let mut sessions = Sessions::default();
        assert!(!is_released(&view, &sessions));
        let opened = sessions.open("n0", 1, &FlapConfig::default(), &CancellationToken::new());
        drop(opened.unwrap());
        let sequence = sessions.sends("n0", BTreeSet::new());
        assert!(!is_released(&view, &sessions));
        sessions.applies("n0", sequence);
        assert!(is_released(&view, &sessions));
    }
}
