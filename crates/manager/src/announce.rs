//! A manager that starts says which member it is and where it is reached, until a leader has heard it: the way in for a new
//! one, and the way to be found again for one that has moved, or was let go of by mistake.

use std::sync::Arc;
use std::time::Duration;

use swarm_api::channel::{self, Dial, IncomingSender};
use swarm_api::pb;
use swarm_api::pb::raft_client::RaftClient;
use swarm_api::tls::{Peer, SharedIdentity};
use tokio::sync::{Notify, watch};
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::raft::{Consensus, Leadership};
use crate::start::ManagerConfig;
use crate::store::Store;

/// How long one manager may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The wait between two rounds: the first, and the longest.
const WAIT_FIRST: Duration = Duration::from_millis(50);
const WAIT_CAP: Duration = Duration::from_secs(2);

/// What is said, and to whom.
pub(crate) struct Announcement {
    raft_id: u64,
    /// Empty: there is nothing to say.
    addr: String,
    managers: Vec<String>,
    leadership: watch::Receiver<Leadership>,
    store: Store,
    /// This node.
    own: Peer,
    incoming: IncomingSender,
    identity: SharedIdentity,
    dialer: Arc<dyn Dial>,
    again: Arc<Notify>,
}

impl Announcement {
    /// `again` asks for another one when it has been heard.
    pub(crate) fn new(
        consensus: &Consensus,
        config: &ManagerConfig,
        incoming: IncomingSender,
        again: Arc<Notify>,
    ) -> Self {
        Self {
            raft_id: consensus.raft_id,
            addr: config.advertise_addr.clone(),
            managers: config.managers.clone(),
            leadership: consensus.leadership(),
            store: consensus.store.clone(),
            own: Peer::Local { node_id: config.identity.get().node_id.clone() },
            incoming,
            identity: config.identity.clone(),
            dialer: config.dialer.clone(),
            again,
        }
    }

    /// Makes it until it is heard, and again whenever that is asked for; ends with raft.
    pub(crate) async fn run(mut self) {
        if self.addr.is_empty() {
            return;
        }
        while self.until_heard().await {
            self.again.notified().await;
        }
    }

    /// Whether it was heard: otherwise raft has ended.
    async fn until_heard(&mut self) -> bool {
        let mut wait = WAIT_FIRST;
        loop {
            match self.round().await {
                Ok(()) => break,
                Err(status) => tracing::debug!(reason = status.message(), "no leader has heard this manager"),
            }
            // A change of leadership is a reason to try again at once.
            if let Ok(Err(_)) = tokio::time::timeout(wait, self.leadership.changed()).await {
                return false;
            }
            wait = (wait * 2).min(WAIT_CAP);
        }
        tracing::debug!("the leader knows where this manager is");
        true
    }

    /// Asks by way of this very manager if it knows who leads, else every other that is known.
    async fn round(&self) -> Result<(), Status> {
        if self.leadership.borrow().leader.is_some() && self.store.view().cluster().is_some() {
            return self.tell(channel::in_process(self.incoming.clone(), self.own.clone())).await;
        }
        let mut last = Status::unavailable("no other manager is known");
        for addr in self.others() {
            let channel = channel::connect(&addr, &self.identity, self.dialer.clone());
            let told = match channel {
                Ok(channel) => self.tell(channel).await,
                Err(error) => Err(Status::internal(error.to_string())),
            };
            match told {
                Ok(()) => return Ok(()),
                Err(status) => last = status,
            }
        }
        Err(last)
    }

    fn others(&self) -> Vec<String> {
        let view = self.store.view();
        let recorded = view.nodes().filter_map(|node| Some(node.manager_status.as_ref()?.addr.clone()));
        let mut others: Vec<String> = Vec::new();
        for addr in self.managers.iter().cloned().chain(recorded) {
            if addr != self.addr && !addr.is_empty() && !others.contains(&addr) {
                others.push(addr);
            }
        }
        others
    }

    async fn tell(&self, channel: Channel) -> Result<(), Status> {
        let message = pb::JoinRaftRequest { raft_id: self.raft_id, addr: self.addr.clone() };
        let mut request = Request::new(message);
        request.set_timeout(ANSWER_LIMIT);
        match tokio::time::timeout(ANSWER_LIMIT, RaftClient::new(channel).join(request)).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        }
    }
}
