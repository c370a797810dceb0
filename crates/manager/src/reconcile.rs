//! The one shape of every loop: an event says when, the view says what, a timer backs it up.
//!
//! A [`Planner`] is pure: it turns a view, the keys that may need work and the time into actions. [`run`] does
//! the rest: it marks everything dirty at first (so that start-up, failover and steady state share one road),
//! gathers all notices that are there before it plans once, commits the actions in as few transactions as the
//! limits allow, and plans again when the view was stale. It never tells the planner what has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::leader::Handles;
use crate::store::{
    Action, Event, MAX_ACTIONS, MAX_TRANSACTION_BYTES, Notice, Object, ProposeError, Transaction, View,
    encode,
};

/// Everything is looked at again this often, whatever the events said.
const RESCAN: Duration = Duration::from_secs(30);
/// Plans in a row that turned out stale before the loop pauses.
const STALE_ROUNDS: u32 = 16;
/// That pause.
const STALE_PAUSE: Duration = Duration::from_millis(20);

/// Decides many things at once. Pure: no IO, no clock.
pub(crate) trait Planner: Send + 'static {
    /// Adds the keys that the event makes worth a look.
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>);

    /// Every key there is.
    fn everything(&self, view: &View) -> BTreeSet<String>;

    /// What is to be done about these keys.
    fn plan(&self, view: &View, dirty: &BTreeSet<String>, now_ns: i64) -> Planned;
}

/// Adds the services that an event concerns, for planners whose keys they are.
pub(crate) fn touch_services(view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
    match event.object() {
        Object::Service(service) => {
            dirty.insert(service.id.clone());
        }
        Object::Task(task) => {
            dirty.insert(task.service_id.clone());
        }
        Object::Node(node) => {
            dirty.extend(view.tasks_of_node(&node.id).map(|task| task.service_id.clone()));
        }
        // No service's own.
        Object::Cluster(_) | Object::Secret(_) | Object::Config(_) | Object::Network(_) => {}
    }
}

/// The outcome of a plan.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// Changes, each valid by itself.
    pub(crate) actions: Vec<Action>,
    /// Keys to look at again at a time (nanoseconds since the epoch).
    pub(crate) wakes: Vec<(i64, String)>,
}

/// Why a loop ended by itself.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// A proposal failed for good: this manager leads no more.
    #[error("propose: {0}")]
    Propose(#[from] ProposeError),
    /// The store ended.
    #[error("the store is gone")]
    StoreGone,
}

/// Runs the loop of `planner` until `stop`.
pub(crate) async fn run<P: Planner>(
    planner: P,
    handles: Handles,
    stop: CancellationToken,
) -> Result<(), ReconcileError> {
    let mut subscription = handles.store.subscribe();
    let mut dirty = planner.everything(&handles.store.view());
    let mut wakes: BTreeMap<String, i64> = BTreeMap::new();
    loop {
        if !dirty.is_empty() {
            settle(&planner, &handles, &mut dirty, &mut wakes).await?;
        }
        let wake = wakes.values().min().copied();
        let notice = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            notice = subscription.next() => Some(notice),
            () = until(&handles, wake) => None,
            () = handles.clock.sleep(RESCAN) => Some(Notice::Rescan),
        };
        // Due keys first, whatever woke the loop.
        let now = handles.clock.now_ns();
        wakes.retain(|key, at| {
            let due = *at <= now;
            if due {
                dirty.insert(key.clone());
            }
            !due
        });
        let mut next = notice;
        while let Some(notice) = next {
            let view = handles.store.view();
            match notice {
                Notice::Changed(change) => {
                    change.events.iter().for_each(|event| planner.touch(&view, event, &mut dirty));
                }
                Notice::Rescan => dirty.extend(planner.everything(&view)),
                Notice::Closed => return Err(ReconcileError::StoreGone),
            }
            next = subscription.try_next();
        }
    }
}

/// Plans and commits until a plan was not stale.
async fn settle<P: Planner>(
    planner: &P,
    handles: &Handles,
    dirty: &mut BTreeSet<String>,
    wakes: &mut BTreeMap<String, i64>,
) -> Result<(), ReconcileError> {
    for round in 1.. {
        let planned = planner.plan(&handles.store.view(), dirty, handles.clock.now_ns());
        match commit(handles, planned.actions).await {
            Ok(()) => {
                dirty.iter().for_each(|key| {
                    wakes.remove(key);
                });
                wakes.extend(planned.wakes.into_iter().map(|(at, key)| (key, at)));
                dirty.clear();
                return Ok(());
            }
            Err(error) if error.is_stale() => {
                if round % STALE_ROUNDS == 0 {
                    tracing::warn!(%error, round, "plans are stale again and again");
                    handles.clock.sleep(STALE_PAUSE).await;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Commits the actions in order, in as few transactions as the store's limits allow.
pub(crate) async fn commit(handles: &Handles, actions: Vec<Action>) -> Result<(), ProposeError> {
    for transaction in split(actions) {
        match handles.proposer.propose(transaction).await {
            Ok(_) => {}
            // One action over the limit: nothing else may wait for it.
            Err(error @ ProposeError::TooLarge { .. }) => {
                tracing::error!(%error, "a change cannot be stored")
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Cuts the actions into transactions within the store's limits.
pub(crate) fn split(actions: Vec<Action>) -> Vec<Transaction> {
    let mut transactions = Vec::new();
    let mut current = Transaction::default();
    let mut bytes = 0;
    for action in actions {
        let single = Transaction::one(action);
        let len = encode::len(&single);
        let full = current.actions.len() + 1 > MAX_ACTIONS || bytes + len > MAX_TRANSACTION_BYTES;
        if full && !current.is_empty() {
            transactions.push(std::mem::take(&mut current));
            bytes = 0;
        }
        bytes += len;
        current.actions.extend(single.actions);
    }
    if !current.is_empty() {
        transactions.push(current);
    }
    transactions
}

async fn until(handles: &Handles, wake: Option<i64>) {
    match wake {
        Some(at) => handles.clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarm_api::pb;

    #[test]
    fn actions_are_cut_at_the_limits_and_keep_their_order() {
        let task = |n: usize| pb::Task { id: format!("{n:05}"), ..Default::default() };
        let actions: Vec<Action> = (0..MAX_ACTIONS * 2 + 1).map(|n| Action::put(task(n))).collect();
        let transactions = split(actions.clone());
        assert_eq!(transactions.len(), 3);
        let joined: Vec<Action> = transactions.into_iter().flat_map(|t| t.actions).collect();
        assert_eq!(joined, actions);
        assert!(split(Vec::new()).is_empty());
    }

    #[test]
    fn large_actions_go_in_transactions_of_their_own() {
        let text = "x".repeat(MAX_TRANSACTION_BYTES / 2 + 1);
        let task = |id: &str| pb::Task { id: id.into(), service_name: text.clone(), ..Default::default() };
        let transactions = split(vec![Action::put(task("a")), Action::put(task("b"))]);
        assert_eq!(transactions.len(), 2);
    }
}
