//! Which nodes are down: judged by the silence of their agents, never by a broken connection alone, since
//! containers go on while a daemon restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use swarm_api::default::nanos;
use swarm_api::pb::{self, NodeState};

use super::session::{Heard, Sessions};
use super::{Dispatcher, FlapConfig, Term};
use crate::node;
use crate::reconcile::{ReconcileError, commit};
use crate::store::{Action, View};

/// Nodes are judged so many times per period.
const TICKS: u32 = 8;
const TICK_MIN: Duration = Duration::from_millis(5);
/// A tick that comes later than so many of its lengths says that this manager itself stood still.
const LATE: i64 = 8;

/// Why a node is down.
const SILENT: &str = "heartbeat failure";
const ABSENT: &str = "the node did not come back in time";

/// What a silence is measured against, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience<'a> {
    pub(super) since_ns: i64,
    pub(super) loss_ns: i64,
    pub(super) first_beat_ns: i64,
    pub(super) goodbye_grace_ns: i64,
    /// The managers that do not answer the leader either, by the numbers of their members: their nodes are not waited for any longer
    /// than those that were heard before.
    pub(super) mute: &'a BTreeSet<u64>,
}

/// Judges all nodes again and again until the term ends.
pub(super) async fn watch(
    dispatcher: &Dispatcher,
    term: &Term,
    mute: impl Fn() -> BTreeMap<u64, bool>,
) -> Result<(), ReconcileError> {
    let handles = &dispatcher.handles;
    let is_young = term.since_ns.saturating_sub(dispatcher.born_ns) < nanos(dispatcher.first_beat());
    let mut since_ns = term.since_ns;
    let mut last_tick_ns = handles.clock.now_ns();
    loop {
        let tick = (dispatcher.period() / TICKS).max(TICK_MIN);
        tokio::select! {
            () = term.stop.cancelled() => return Ok(()),
            () = handles.clock.sleep(tick) => {}
        }
        let now_ns = handles.clock.now_ns();
        let passed_ns = now_ns.saturating_sub(last_tick_ns);
        if !(0..=nanos(tick).saturating_mul(LATE)).contains(&passed_ns) {
            tracing::warn!(
                passed_ms = passed_ns / 1_000_000,
                "this manager stood still or its clock was moved, silent nodes are excused"
            );
            term.sessions.lock().unwrap_or_else(PoisonError::into_inner).excuse(now_ns, passed_ns);
            since_ns = now_ns;
        }
        last_tick_ns = now_ns;
        let mute = lost_for_certain(mute(), is_young);
        let patience = Patience {
            since_ns,
            loss_ns: nanos(dispatcher.loss()),
            first_beat_ns: nanos(dispatcher.first_beat()),
            goodbye_grace_ns: nanos(dispatcher.goodbye_grace()),
            mute: &mute,
        };
        let changed = {
            let mut sessions = term.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            judge(&handles.store.view(), &mut sessions, &dispatcher.config.flap, patience, now_ns)
        };
        match commit(handles, changed.into_iter().map(Action::put).collect()).await {
            Ok(()) => {}
            // Judged again with the next tick.
            Err(error) if error.is_stale() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Of the members that do not answer those that have been up since this manager started. The others may just be starting, where
/// all have lost power; who has been up for some time knows better.
pub(super) fn lost_for_certain(mute: BTreeMap<u64, bool>, is_young: bool) -> BTreeSet<u64> {
    mute.into_iter().filter_map(|(raft_id, has_led)| (has_led || !is_young).then_some(raft_id)).collect()
}

/// The nodes whose status is another from now on; the sessions of those that are lost end.
pub(super) fn judge(
    view: &View,
    sessions: &mut Sessions,
    flap: &FlapConfig,
    patience: Patience<'_>,
    now_ns: i64,
) -> Vec<pb::Node> {
    sessions.retain(view);
    let mut changed = lost(view, sessions, patience, now_ns);
    for node in &changed {
        tracing::warn!(node_id = %node.id, "node is down");
        sessions.lose(&node.id, flap, now_ns);
    }
    for node_id in silent_while_down(view, sessions, patience, now_ns) {
        sessions.close(&node_id);
    }
    changed.extend(taken_back(view, sessions, now_ns));
    changed
}

/// The nodes that are down from now on, with their new status. Pure.
pub(super) fn lost(view: &View, sessions: &Sessions, patience: Patience<'_>, now_ns: i64) -> Vec<pb::Node> {
    let silent = |node: &pb::Node| {
        let heard = sessions.heard(&node.id);
        let goodbye_ns = heard.and_then(|heard| heard.goodbye_ns);
        let (heard_ns, limit_ns, message) = match (node::state(node), goodbye_ns, heard) {
            // It said so a moment ago, and that is not committed yet.
            (NodeState::Ready | NodeState::Disconnected, Some(goodbye_ns), _) => {
                (goodbye_ns, patience.goodbye_grace_ns, ABSENT)
            }
            (NodeState::Disconnected, None, _) => (patience.since_ns, patience.goodbye_grace_ns, ABSENT),
            (NodeState::Ready, None, Some(heard)) => (heard.last_beat_ns, patience.loss_ns(heard), SILENT),
            (NodeState::Ready, None, None) => (patience.since_ns, patience.unheard_ns(node), SILENT),
            // Never heard of, or known to be down.
            (NodeState::Unknown | NodeState::Down, _, _) => return None,
        };
        (now_ns.saturating_sub(heard_ns) > limit_ns).then_some(message)
    };
    let down = view.nodes().filter_map(|node| Some(with_state(node, NodeState::Down, silent(node)?)));
    down.collect()
}

/// Nodes that are held back and whose session has fallen silent. Pure.
fn silent_while_down(view: &View, sessions: &Sessions, patience: Patience<'_>, now_ns: i64) -> Vec<String> {
    let silent = |node: &pb::Node| {
        let heard = sessions.heard(&node.id).filter(|_| sessions.is_open(&node.id));
        heard.is_some_and(|heard| now_ns.saturating_sub(heard.last_beat_ns) > patience.loss_ns(heard))
    };
    let down = view.nodes().filter(|node| node::state(node) == NodeState::Down && silent(node));
    down.map(|node| node.id.clone()).collect()
}

/// The nodes that were held back for long enough, with their new status. Pure.
pub(super) fn taken_back(view: &View, sessions: &Sessions, now_ns: i64) -> Vec<pb::Node> {
    let back =
        |node: &pb::Node| node::state(node) == NodeState::Down && sessions.is_welcome(&node.id, now_ns);
    let nodes = view.nodes().filter(|node| back(node));
    nodes.map(|node| with_state(node, NodeState::Ready, "")).collect()
}

fn with_state(node: &pb::Node, state: NodeState, message: &str) -> pb::Node {
    let mut node = node.clone();
    let status = node.status.get_or_insert_default();
    status.set_state(state);
    message.clone_into(&mut status.message);
    node
}

impl Patience<'_> {
    /// How long this node may be silent of which nothing was heard yet.
    fn unheard_ns(&self, node: &pb::Node) -> i64 {
        let is_mute = node.manager_status.as_ref().is_some_and(|status| self.mute.contains(&status.raft_id));
        if is_mute { self.loss_ns } else { self.first_beat_ns }
    }

    /// How long this node may be silent. One that was told of a longer period may still sleep that long.
    fn loss_ns(&self, heard: Heard) -> i64 {
        self.loss_ns.max(heard.period_ns.saturating_mul(5) / 2)
    }
}
