//! Who has a live session, and since when whom has not been heard. In memory, for one term.

use std::collections::BTreeMap;

use swarm_api::id;
use tokio_util::sync::CancellationToken;

/// The sessions of a term, by node: at most one each.
#[derive(Default)]
pub(super) struct Sessions {
    live: BTreeMap<String, Session>,
    /// When a node said goodbye.
    goodbyes: BTreeMap<String, i64>,
}

struct Session {
    id: String,
    last_beat_ns: i64,
    /// Cancelled when the session is over, whoever ends it.
    over: CancellationToken,
}

impl Sessions {
    /// Opens a session for the node, in place of one it may have. Its id, and the token of its end.
    pub(super) fn open(
        &mut self,
        node_id: &str,
        now_ns: i64,
        term: &CancellationToken,
    ) -> (String, CancellationToken) {
        self.close(node_id);
        self.goodbyes.remove(node_id);
        let session = Session { id: id::random(), last_beat_ns: now_ns, over: term.child_token() };
        let opened = (session.id.clone(), session.over.clone());
        self.live.insert(node_id.to_owned(), session);
        opened
    }

    /// Notes a sign of life. `None`: this is not the node's session (any more).
    pub(super) fn beat(&mut self, node_id: &str, session_id: &str, now_ns: i64) -> Option<CancellationToken> {
        let session = self.live.get_mut(node_id).filter(|session| session.id == session_id)?;
        session.last_beat_ns = now_ns;
        Some(session.over.clone())
    }

    /// Ends the node's session, if it has one.
    pub(super) fn close(&mut self, node_id: &str) {
        if let Some(session) = self.live.remove(node_id) {
            session.over.cancel();
        }
    }

    /// Ends the node's session because it announced its absence.
    pub(super) fn goodbye(&mut self, node_id: &str, now_ns: i64) {
        self.close(node_id);
        self.goodbyes.insert(node_id.to_owned(), now_ns);
    }

    /// When the node was last heard in this term.
    pub(super) fn last_beat_ns(&self, node_id: &str) -> Option<i64> {
        self.live.get(node_id).map(|session| session.last_beat_ns)
    }

    /// When the node said goodbye in this term.
    pub(super) fn goodbye_ns(&self, node_id: &str) -> Option<i64> {
        self.goodbyes.get(node_id).copied()
    }

    /// Counts every node as heard just now: this manager itself was not there to listen.
    pub(super) fn excuse(&mut self, now_ns: i64) {
        self.live.values_mut().for_each(|session| session.last_beat_ns = now_ns);
    }
}
