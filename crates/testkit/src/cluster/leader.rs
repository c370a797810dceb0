//! The manager's half: a store, the leader's loops, and the dispatcher served on pipes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use manager::clock::Clock;
use manager::dispatcher::{Dispatcher, DispatcherConfig};
use manager::leader::{self, Handles};
use manager::store::{self, ProposeError, Transaction, View};
use swarm_api::channel::{self, Incoming, IncomingSender};
use swarm_api::pb::dispatcher_server::DispatcherServer;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Agents of the cluster beat so often; a node is down after two and a half of these.
const PERIOD: Duration = Duration::from_millis(100);
/// How long a new leader waits for agents: longer than they may wait between two tries.
const FIRST_BEAT: Duration = Duration::from_secs(10);
/// How long a node that said goodbye is waited for.
const GOODBYE_GRACE: Duration = Duration::from_secs(2);

/// A leader that can step down and up.
pub(super) struct Leader {
    handles: Handles,
    /// Where connections go; `None` while no leader serves.
    door: watch::Sender<Option<IncomingSender>>,
    term: Option<Term>,
}

struct Term {
    stop: CancellationToken,
    loops: JoinHandle<()>,
    served: JoinHandle<()>,
}

impl Leader {
    pub(super) async fn start() -> anyhow::Result<Leader> {
        let clock = Clock::system();
        let (store, proposer) = store::in_memory(clock.clone());
        let mut leader = Leader {
            handles: Handles { store, proposer, clock },
            door: watch::Sender::new(None),
            term: None,
        };
        leader.step_up().await?;
        Ok(leader)
    }

    pub(super) async fn step_up(&mut self) -> anyhow::Result<()> {
        let config = DispatcherConfig {
            period: Some(PERIOD),
            first_beat: Some(FIRST_BEAT),
            goodbye_grace: GOODBYE_GRACE,
            ..DispatcherConfig::default()
        };
        let dispatcher = Dispatcher::new(self.handles.clone(), config);
        let stop = CancellationToken::new();
        let (door, incoming) = channel::incoming();
        let served = tokio::spawn(serve(dispatcher.clone(), incoming, stop.clone()));
        let loops = leader::run(self.handles.clone(), dispatcher, stop.clone());
        let loops = tokio::spawn(async move {
            // A loop that ends by itself is a defect: the tests that wait for it to act then fail.
            if let Err(error) = loops.await {
                tracing::error!(%error, "leadership ends");
            }
        });
        self.door.send_replace(Some(door));
        self.term = Some(Term { stop, loops, served });
        Ok(())
    }

    pub(super) async fn step_down(&mut self) {
        self.door.send_replace(None);
        if let Some(term) = self.term.take() {
            term.stop.cancel();
            let _ = term.loops.await;
            // Connections that are open would keep the server: they are cut.
            term.served.abort();
        }
    }

    pub(super) fn door(&self) -> watch::Receiver<Option<IncomingSender>> {
        self.door.subscribe()
    }

    pub(super) fn view(&self) -> View {
        self.handles.store.view()
    }

    pub(super) async fn change(
        &self,
        decide: impl FnMut(&View) -> anyhow::Result<Transaction>,
    ) -> anyhow::Result<()> {
        let changed = self.handles.proposer.update(&self.handles.store, Decision(decide).into_fn()).await;
        changed.map(|_| ()).map_err(|Failed(error)| error)
    }
}

/// `Proposer::update` wants one error type for both halves.
struct Failed(anyhow::Error);

impl From<ProposeError> for Failed {
    fn from(error: ProposeError) -> Self {
        Failed(error.into())
    }
}

struct Decision<F>(F);

impl<F: FnMut(&View) -> anyhow::Result<Transaction>> Decision<F> {
    fn into_fn(mut self) -> impl FnMut(&View) -> Result<Transaction, Failed> {
        move |view| (self.0)(view).context("decide on a change").map_err(Failed)
    }
}

async fn serve(dispatcher: Dispatcher, incoming: Incoming, stop: CancellationToken) {
    let routes = Routes::new(DispatcherServer::new(dispatcher));
    if let Err(error) = channel::serve(routes, incoming, Arc::new(|_| Ok(())), stop).await {
        tracing::error!(%error, "the manager serves no more");
    }
}
