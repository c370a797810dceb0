//! Who has a live session, since when whom has not been heard, and whose link comes and goes. In memory, for one term.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use swarm_api::id;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::balance::Balance;
use super::flap::{Flap, FlapConfig};
use crate::store::View;

/// A node may open so many sessions
const OPENED: u32 = 30;
/// within so many nanoseconds: less than it may be silent, so that one that is refused is not lost by that.
const OPENED_WITHIN_NS: i64 = 3_000_000_000;

/// Messages of logs that a session may have under way: twice what a worker sends at a time.
pub(super) const PUBLISHED: usize = 128;

/// The nodes that were heard of in this term, by id.
#[derive(Default)]
pub(super) struct Sessions {
    known: BTreeMap<String, Known>,
}

/// What is known of one node.
#[derive(Default)]
struct Known {
    /// At most one.
    session: Option<Session>,
    last_beat_ns: i64,
    /// The period that the node was told last: it may sleep so long.
    period_ns: i64,
    /// When the node said goodbye, until it is back.
    goodbye_ns: Option<i64>,
    flap: Flap,
    balance: Balance,
    /// Sessions opened since a time.
    opened: (i64, u32),
}

/// A live session.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: String,
    /// Cancelled when the session is over, whoever ends it.
    pub(super) over: CancellationToken,
    /// One report is taken at a time: its size is bounded, their number would not be.
    pub(super) reporting: Arc<Semaphore>,
    /// So many messages of logs wait for room at a time.
    pub(super) publishing: Arc<Semaphore>,
    /// Cancelled when its stream of assignments gives way to another.
    stream: CancellationToken,
}

/// A session that has just been opened.
pub(super) struct Opened {
    pub(super) session: Session,
    /// Why the node is not ready all the same.
    pub(super) held: Option<String>,
}

/// A node opens sessions faster than anything healthy would.
#[derive(Debug, Error)]
#[error("the node opened more than {OPENED} sessions within {} s", OPENED_WITHIN_NS / 1_000_000_000)]
pub(super) struct TooMany {
    /// Whether nobody was told of it yet.
    pub(super) is_new: bool,
}

/// When a node was last heard, and what it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) last_beat_ns: i64,
    pub(super) period_ns: i64,
    pub(super) goodbye_ns: Option<i64>,
}

impl Sessions {
    /// Opens a session for the node, in place of one it may have.
    pub(super) fn open(
        &mut self,
        node_id: &str,
        now_ns: i64,
        flap: &FlapConfig,
        term: &CancellationToken,
    ) -> Result<Opened, TooMany> {
        let known = self.known.entry(node_id.to_owned()).or_default();
        known.count_opening(now_ns)?;
        known.close();
        known.goodbye_ns = None;
        known.last_beat_ns = now_ns;
        let over = term.child_token();
        let session = Session {
            id: id::random(),
            stream: over.child_token(),
            over,
            reporting: Arc::new(Semaphore::new(1)),
            publishing: Arc::new(Semaphore::new(PUBLISHED)),
        };
        known.session = Some(session.clone());
        Ok(Opened { session, held: known.flap.returned(flap, now_ns) })
    }

    /// Notes a sign of life. `None`: this is not the node's session (any more).
    pub(super) fn beat(&mut self, node_id: &str, session_id: &str, now_ns: i64) -> Option<Session> {
        let known = self.known.get_mut(node_id)?;
        let session = known.session.as_ref().filter(|session| session.id == session_id)?;
        known.last_beat_ns = now_ns;
        Some(session.clone())
    }

    /// Notes how long the node was told that it may sleep.
    pub(super) fn tell_period(&mut self, node_id: &str, period_ns: i64) {
        if let Some(known) = self.known.get_mut(node_id) {
            known.period_ns = period_ns;
        }
    }

    /// Takes note of what the node is about to be told to balance to; the sequence of that.
    pub(super) fn sends(&mut self, node_id: &str, backends: BTreeSet<String>) -> u64 {
        self.known.entry(node_id.to_owned()).or_default().balance.sends(backends)
    }

    /// The node balances by what it was told in this sequence. Whether that is news.
    pub(super) fn applies(&mut self, node_id: &str, sequence: u64) -> bool {
        self.known.get_mut(node_id).is_some_and(|known| known.balance.applies(sequence))
    }

    /// What the node may be balancing to; `None`: it was not heard of yet.
    pub(super) fn balance(&self, node_id: &str) -> Option<&Balance> {
        self.known.get(node_id).map(|known| &known.balance)
    }

    /// The token of a new stream of assignments for the session, which ends the one before.
    pub(super) fn restream(&mut self, node_id: &str, session_id: &str) -> Option<CancellationToken> {
        let known = self.known.get_mut(node_id)?;
        let session = known.session.as_mut().filter(|session| session.id == session_id)?;
        session.stream.cancel();
        session.stream = session.over.child_token();
        Some(session.stream.clone())
    }

    /// Ends the node's session, if it has one.
    pub(super) fn close(&mut self, node_id: &str) {
        if let Some(known) = self.known.get_mut(node_id) {
            known.close();
        }
    }

    /// Ends this session of the node, if it is still the node's.
    pub(super) fn close_if(&mut self, node_id: &str, session_id: &str) {
        if let Some(known) = self.known.get_mut(node_id)
            && known.session.as_ref().is_some_and(|session| session.id == session_id)
        {
            known.close();
        }
    }

    /// Ends the node's session because the node is lost.
    pub(super) fn lose(&mut self, node_id: &str, flap: &FlapConfig, now_ns: i64) {
        let known = self.known.entry(node_id.to_owned()).or_default();
        known.close();
        known.flap.lost(flap, now_ns);
    }

    /// Ends the node's session because it announced its absence.
    pub(super) fn goodbye(&mut self, node_id: &str, now_ns: i64) {
        let known = self.known.entry(node_id.to_owned()).or_default();
        known.close();
        known.last_beat_ns = now_ns;
        known.goodbye_ns = Some(now_ns);
    }

    /// When the node was last heard in this term; `None`: never.
    pub(super) fn heard(&self, node_id: &str) -> Option<Heard> {
        let known = self.known.get(node_id)?;
        Some(Heard {
            last_beat_ns: known.last_beat_ns,
            period_ns: known.period_ns,
            goodbye_ns: known.goodbye_ns,
        })
    }

    /// Whether the node has a session and nothing speaks against using it.
    pub(super) fn is_welcome(&self, node_id: &str, now_ns: i64) -> bool {
        self.known.get(node_id).is_some_and(|known| known.session.is_some() && !known.flap.is_held(now_ns))
    }

    /// Whether the node has a session.
    pub(super) fn is_open(&self, node_id: &str) -> bool {
        self.known.get(node_id).is_some_and(|known| known.session.is_some())
    }

    /// Forgets the nodes that are no longer in the swarm.
    pub(super) fn retain(&mut self, view: &View) {
        self.known.retain(|node_id, known| {
            let stays = view.node(node_id).is_some();
            if !stays {
                known.close();
            }
            stays
        });
    }

    /// Counts every node as heard just now: this manager itself was not there to listen, or its clock was moved `by_ns`.
    pub(super) fn excuse(&mut self, now_ns: i64, by_ns: i64) {
        for known in self.known.values_mut() {
            known.last_beat_ns = now_ns;
            known.goodbye_ns = known.goodbye_ns.map(|_| now_ns);
            known.opened = (now_ns, 0);
            known.flap.excuse(by_ns);
        }
    }
}

impl Known {
    fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.over.cancel();
        }
    }

    fn count_opening(&mut self, now_ns: i64) -> Result<(), TooMany> {
        let (since_ns, count) = self.opened;
        self.opened = match now_ns.saturating_sub(since_ns) {
            0..OPENED_WITHIN_NS => (since_ns, count.saturating_add(1)),
            _ => (now_ns, 1),
        };
        match self.opened.1 {
            ..=OPENED => Ok(()),
            count => Err(TooMany { is_new: count == OPENED + 1 }),
        }
    }
}
