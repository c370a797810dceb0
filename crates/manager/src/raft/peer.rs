//! A connection to another member: made when first needed, given up when nothing comes back over it, made anew.
//!
//! Where a member is, its node's record says; until that is known here, what the group knew when it became a member. Whoever
//! answers there must be that very node.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::error::{NetworkError, RPCError, Unreachable};
use swarm_api::channel::{self, Dial, MAX_MESSAGE_BYTES};
use swarm_api::id::NodeId;
use swarm_api::pb::raft_client::RaftClient;
use swarm_api::tls::SharedIdentity;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::consensus::Outside;
use super::types::{Member, Types};
use crate::node;
use crate::store::Store;

/// A connection over which calls fail and nothing has come for so long is given up: behind it may be a path that is no more,
/// and the kernel would wait much longer before it tries that again.
const SILENCE: Duration = Duration::from_secs(1);

/// Members that have said that they are elsewhere than recorded; when there are more, all are forgotten.
const MOVED: usize = 64;

/// What a connection is for. Each purpose has its own, so that a heartbeat never waits behind a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Heartbeats.
    Pulse,
    /// Entries and votes.
    Log,
    /// Snapshots.
    Snapshot,
}

type Peers = HashMap<(u64, Lane), Arc<Peer>>;

/// How members are reached. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Reach {
    identity: SharedIdentity,
    dialer: Arc<dyn Dial>,
    store: Store,
    /// Where this member is reached; empty: as the others know already.
    own_addr: Arc<str>,
    peers: Arc<Mutex<Peers>>,
    moved: Arc<Mutex<HashMap<u64, Moved>>>,
}

/// What a member has said of its address, while its record says something else.
struct Moved {
    recorded: String,
    addr: String,
}

impl Reach {
    pub(crate) fn new(outside: Outside, store: Store) -> Self {
        let Outside { identity, dialer, advertise_addr } = outside;
        let own_addr = advertise_addr.into();
        Self { identity, dialer, store, own_addr, peers: Arc::default(), moved: Arc::default() }
    }

    /// Notes where a member says that it is: who asks for a vote may have moved, and what is recorded of it can change only when
    /// somebody leads. It counts for the node's own member, and until the record changes.
    pub(super) fn note(&self, raft_id: u64, node_id: &NodeId, addr: &str) {
        let view = self.store.view();
        let recorded = view.node(node_id).and_then(|node| node.manager_status.as_ref());
        let Some(recorded) = recorded.filter(|status| status.raft_id == raft_id) else { return };
        let mut moved = lock(&self.moved);
        if addr == recorded.addr || !node::is_addr(addr) {
            moved.remove(&raft_id);
            return;
        }
        if moved.len() >= MOVED {
            moved.clear();
        }
        let note = Moved { recorded: recorded.addr.clone(), addr: addr.to_owned() };
        if moved.insert(raft_id, note).is_none_or(|before| before.addr != addr) {
            tracing::info!(member = raft_id, %addr, "a manager says that it has moved");
        }
    }

    /// The connection to a member, whether it is there or not.
    pub(super) fn peer(&self, raft_id: u64, lane: Lane, member: &Member) -> Arc<Peer> {
        let mut peers = lock(&self.peers);
        // A member that is gone is asked for no more: only whoever holds its connection keeps it.
        peers.retain(|_, peer| Arc::strong_count(peer) > 1);
        let made = || Arc::new(Peer::new(raft_id, member.clone(), self.clone()));
        peers.entry((raft_id, lane)).or_insert_with(made).clone()
    }

    /// The node of a member and its address, as its record says by now.
    fn place(&self, raft_id: u64, known: &Member) -> Member {
        let view = self.store.view();
        let recorded = view.nodes().find_map(|node| {
            let status = node.manager_status.as_ref().filter(|status| status.raft_id == raft_id)?;
            Some(Member { node_id: node.id.clone(), addr: status.addr.clone() })
        });
        let mut place = recorded.unwrap_or_else(|| known.clone());
        if place.addr.is_empty() {
            place.addr.clone_from(&known.addr);
        }
        if let Some(moved) = lock(&self.moved).get(&raft_id).filter(|moved| moved.recorded == place.addr) {
            place.addr.clone_from(&moved.addr);
        }
        place
    }

    fn channel(&self, place: &Member) -> io::Result<Channel> {
        let dialer = self.dialer.clone();
        let channel = if place.node_id.is_empty() {
            channel::connect(&place.addr, &self.identity, dialer)
        } else {
            let node_id = NodeId::from(place.node_id.as_str());
            channel::connect_node(&place.addr, &node_id, &self.identity, dialer)
        };
        channel.map_err(io::Error::other)
    }
}

/// One member, over one lane.
pub(super) struct Peer {
    pub(super) raft_id: u64,
    known: Member,
    reach: Reach,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// It was said that the member does not answer.
    is_lost: bool,
}

struct Open {
    channel: Channel,
    addr: String,
    /// When it was made, or something last came back.
    heard: Instant,
}

impl Peer {
    fn new(raft_id: u64, known: Member, reach: Reach) -> Self {
        Self { raft_id, known, reach, state: Mutex::default() }
    }

    /// Where this member is reached by that one.
    pub(super) fn own_addr(&self) -> &str {
        &self.reach.own_addr
    }

    /// A client of the member. It connects by itself when it is used.
    pub(super) fn client(&self) -> io::Result<RaftClient<Channel>> {
        let mut state = lock(&self.state);
        let channel = match &state.open {
            Some(open) => open.channel.clone(),
            None => {
                let place = self.reach.place(self.raft_id, &self.known);
                let channel = self.reach.channel(&place)?;
                let heard = Instant::now();
                state.open = Some(Open { channel: channel.clone(), addr: place.addr, heard });
                channel
            }
        };
        Ok(RaftClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// Something came back.
    pub(super) fn heard(&self) {
        let mut state = lock(&self.state);
        if let Some(open) = &mut state.open {
            open.heard = Instant::now();
        }
        if std::mem::take(&mut state.is_lost) {
            tracing::info!(member = self.raft_id, "a manager answers again");
        }
    }

    /// A call did not succeed, for a reason of the connection or of the member.
    pub(super) fn failed(&self, reason: &dyn std::fmt::Display) {
        let mut state = lock(&self.state);
        let Some(open) = &state.open else { return };
        if open.heard.elapsed() < SILENCE {
            return;
        }
        let addr = open.addr.clone();
        state.open = None;
        if !std::mem::replace(&mut state.is_lost, true) {
            tracing::warn!(member = self.raft_id, %addr, %reason, "a manager does not answer");
        }
    }

    /// What the library is to make of a failed call.
    pub(super) fn error(&self, status: &Status) -> RPCError<Types> {
        self.failed(&status.message());
        let error = io::Error::other(format!("{:?}: {}", status.code(), status.message()));
        match status.code() {
            // It has waited already.
            Code::DeadlineExceeded => NetworkError::new(&error).into(),
            _ => Unreachable::new(&error).into(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
