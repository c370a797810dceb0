//! What runs on a manager's threads, side by side: the server, the leader's loops, and what watches over both. When one part ends, all
//! do.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use swarm_api::channel::{self, Door, Forward, MAX_MESSAGE_BYTES};
use swarm_api::pb::ca_server::CaServer as CaRoutes;
use swarm_api::pb::control_server::ControlServer;
use swarm_api::pb::dispatcher_server::DispatcherServer;
use swarm_api::pb::raft_server::RaftServer as RaftRoutes;
use swarm_api::tls::SharedIdentity;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::service::Routes;

use crate::announce::Announcement;
use crate::ca::{self, CaServer};
use crate::control::Control;
use crate::dispatcher::Dispatcher;
use crate::door;
use crate::error::ManagerError;
use crate::forward::ToLeader;
use crate::leader::Handles;
use crate::lock::Locker;
use crate::raft::{Consensus, Leadership, RaftServer, Reader, Roster};
use crate::seal::UnlockKey;
use crate::start::ManagerConfig;
use crate::term::{Leader, lead};

/// How long calls under way may take when the manager stops.
const DRAIN: Duration = Duration::from_secs(2);

/// What runs on the manager's thread.
pub(crate) struct Parts {
    reader: Reader,
    leadership: watch::Receiver<Leadership>,
    handles: Handles,
    dispatcher: Dispatcher,
    identity: SharedIdentity,
    door: Door,
    locker: Locker,
    lock: watch::Receiver<Option<UnlockKey>>,
    roster: Roster,
    raft: RaftServer,
    to_leader: ToLeader,
    announcement: Announcement,
}

impl Parts {
    pub(crate) fn new(
        consensus: &Consensus,
        config: &ManagerConfig,
        door: Door,
        locked: watch::Sender<Option<UnlockKey>>,
        announcement: Announcement,
    ) -> Self {
        let handles = Handles {
            store: consensus.store.clone(),
            proposer: consensus.proposer.clone(),
            clock: config.clock.clone(),
        };
        let dispatcher = Dispatcher::new(handles.clone(), config.dispatcher.clone());
        let (reader, leadership) = (consensus.reader(), consensus.leadership());
        let identity = config.identity.clone();
        let lock = locked.subscribe();
        let (store, keyring) = (consensus.store.clone(), consensus.keyring.clone());
        let locker = Locker { store, keyring, compactor: consensus.compactor(), locked };
        let to_leader = ToLeader {
            raft_id: consensus.raft_id,
            leadership: leadership.clone(),
            store: consensus.store.clone(),
            identity: identity.clone(),
            dialer: config.dialer.clone(),
            leaderless: Arc::default(),
            connected: Arc::default(),
        };
        let (roster, raft) = (consensus.roster(), consensus.server());
        Self {
            reader,
            leadership,
            handles,
            dispatcher,
            identity,
            door,
            locker,
            lock,
            roster,
            raft,
            to_leader,
            announcement,
        }
    }

    /// Serves and leads until `stop`, or until a part fails; then all parts end.
    pub(crate) async fn live(
        self,
        connections: channel::Incoming,
        failed: impl Future<Output = crate::raft::ConsensusError>,
        stop: CancellationToken,
    ) -> Result<(), ManagerError> {
        let _stop_all = stop.clone().drop_guard();
        let forward: Arc<dyn Forward> = Arc::new(self.to_leader.clone());
        let serving = channel::serve(self.routes(), connections, self.door.clone(), forward, stop.clone());
        let watching = door::watch(self.handles.store.clone(), self.identity.clone(), self.door.clone());
        let _watching = AbortOnDropHandle::new(tokio::spawn(watching));
        let mut serving = tokio::spawn(serving);
        tokio::spawn(self.locker.run(stop.clone()));
        let announcing = self.announcement.run();
        let until = stop.clone();
        tokio::spawn(async move { until.run_until_cancelled(announcing).await });
        let leader = Leader {
            reader: self.reader,
            handles: self.handles,
            roster: self.roster,
            dispatcher: self.dispatcher,
        };
        let mut leading = tokio::spawn(lead(self.leadership, leader, stop.clone()));
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            error = failed => Err(error.into()),
            ended = &mut serving => ended.map_err(|_| ManagerError::Ended("server"))
                .and_then(|served| Ok(served?)).and(Err(ManagerError::Ended("server"))),
            ended = &mut leading => ended.map_err(|_| ManagerError::Ended("leader"))
                .and_then(|led| led).and(Err(ManagerError::Ended("leader"))),
        };
        stop.cancel();
        // The loops first: the sessions that they hold open end with them, and then the server has nothing to wait for.
        let drained = tokio::time::timeout(DRAIN, async {
            if !leading.is_finished() {
                let _ = leading.await;
            }
            if !serving.is_finished() {
                let _ = serving.await;
            }
        });
        if drained.await.is_err() {
            tracing::debug!("calls were cut off");
        }
        outcome
    }

    fn routes(&self) -> Routes {
        let Handles { store, proposer, clock } = self.handles.clone();
        let ca = CaServer {
            reader: self.reader.clone(),
            store: store.clone(),
            proposer: proposer.clone(),
            clock,
            refusals: Mutex::default(),
        };
        let control = Control {
            reader: self.reader.clone(),
            store,
            proposer,
            roster: self.roster.clone(),
            lock: self.lock.clone(),
            logs: self.dispatcher.logs().clone(),
        };
        let raft = RaftRoutes::new(self.raft.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let ca = CaRoutes::new(ca).max_decoding_message_size(ca::MAX_CALL_BYTES);
        Routes::new(ca)
            .add_service(ControlServer::new(control))
            .add_service(DispatcherServer::new(self.dispatcher.clone()))
            .add_service(raft)
    }
}
