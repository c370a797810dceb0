//! Which nodes are down: judged by the silence of their agents, never by a broken connection alone, since
//! containers go on while a daemon restarts.

use std::sync::PoisonError;
use std::time::Duration;

use swarm_api::pb::{self, NodeState};

use super::session::Sessions;
use super::{Dispatcher, Term};
use crate::node;
use crate::reconcile::{ReconcileError, commit};
use crate::store::{Action, View};

/// Nodes are judged so many times per period.
const TICKS: u32 = 8;
const TICK_MIN: Duration = Duration::from_millis(5);
/// A tick that comes later than so many of its lengths says that this manager itself stood still.
const LATE: i64 = 8;

/// What a silence is measured against, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) since_ns: i64,
    pub(super) loss_ns: i64,
    pub(super) first_beat_ns: i64,
    pub(super) goodbye_grace_ns: i64,
}

/// Judges all nodes again and again until the term ends.
pub(super) async fn watch(dispatcher: &Dispatcher, term: &Term) -> Result<(), ReconcileError> {
    let handles = &dispatcher.handles;
    let mut since_ns = term.since_ns;
    let mut last_tick_ns = handles.clock.now_ns();
    loop {
        let tick = (dispatcher.period() / TICKS).max(TICK_MIN);
        tokio::select! {
            () = term.stop.cancelled() => return Ok(()),
            () = handles.clock.sleep(tick) => {}
        }
        let now_ns = handles.clock.now_ns();
        if now_ns.saturating_sub(last_tick_ns) > nanos(tick).saturating_mul(LATE) {
            tracing::warn!("this manager stood still for a while, silent nodes are excused");
            term.sessions.lock().unwrap_or_else(PoisonError::into_inner).excuse(now_ns);
            since_ns = now_ns;
        }
        last_tick_ns = now_ns;
        let patience = Patience {
            since_ns,
            loss_ns: nanos(dispatcher.loss()),
            first_beat_ns: nanos(dispatcher.first_beat()),
            goodbye_grace_ns: nanos(dispatcher.config.goodbye_grace),
        };
        let down = {
            let mut sessions = term.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            let down = lost(&handles.store.view(), &sessions, patience, now_ns);
            down.iter().for_each(|node| sessions.close(&node.id));
            down
        };
        for node in &down {
            tracing::warn!(node_id = %node.id, "node is down");
        }
        match commit(handles, down.into_iter().map(Action::put).collect()).await {
            Ok(()) => {}
            // Judged again with the next tick.
            Err(error) if error.is_stale() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The nodes that are down from now on, with their new status. Pure.
pub(super) fn lost(view: &View, sessions: &Sessions, patience: Patience, now_ns: i64) -> Vec<pb::Node> {
    let silent = |node: &pb::Node| {
        let (heard_ns, limit_ns, message) = match node::state(node) {
            NodeState::Ready => match sessions.last_beat_ns(&node.id) {
                Some(beat_ns) => (beat_ns, patience.loss_ns, "heartbeat failure"),
                None => (patience.since_ns, patience.first_beat_ns, "heartbeat failure"),
            },
            NodeState::Disconnected => {
                let heard_ns = sessions.goodbye_ns(&node.id).unwrap_or(patience.since_ns);
                (heard_ns, patience.goodbye_grace_ns, "the node did not come back in time")
            }
            // Never heard of, or known to be down.
            NodeState::Unknown | NodeState::Down => return None,
        };
        (now_ns.saturating_sub(heard_ns) > limit_ns).then_some(message)
    };
    let down = view.nodes().filter_map(|node| {
        let message = silent(node)?;
        let mut node = pb::Node::clone(node);
        let status = node.status.get_or_insert_default();
        status.set_state(NodeState::Down);
        message.clone_into(&mut status.message);
        Some(node)
    });
    down.collect()
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
