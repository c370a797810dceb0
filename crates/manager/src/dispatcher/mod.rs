//! Talks to the agents: sessions and heartbeats, what is due on each node, and what became of it.
//!
//! In: the calls of agents (the caller's node comes from its connection, never from a message), the view, the
//! clock. Out: assignment streams; node statuses; task statuses from ACCEPTED on, and ORPHANED; when a task has
//! left all load balancers. It makes no task, changes no desired state and picks no node.
//!
//! A hostile agent is bounded: one session of its node, one stream and one report of the session, so many sessions in a while.
//!
//! All that is only in memory (who has a session, when it last beat) belongs to one [`Term`] of leadership.
//! A new leader knows of no session, gives every node the full time-out, and the agents come by themselves.

mod assignment;
mod balance;
mod due;
mod flap;
mod heartbeat;
#[cfg(test)]
mod live;
mod orphan;
mod release;
mod rpc;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub use self::flap::FlapConfig;
use self::session::Sessions;
use self::status::Report;
use crate::forward;
use crate::leader::Handles;
use crate::log::Broker;
use crate::reconcile::ReconcileError;

/// Reports of agents that may wait to be committed.
const REPORTS: usize = 256;

/// The times of the dispatcher. The default is the cluster's period and Docker-like patience.
#[derive(Clone, Debug)]
pub struct DispatcherConfig {
    /// How often an agent must beat; `None`: as the cluster's spec says.
    pub period: Option<Duration>,
    /// How long after its last beat a node is down; `None`: two and a half periods.
    pub loss: Option<Duration>,
    /// How long a new leader waits for the first beat of a node; `None`: three times `loss`, so that agents
    /// that were slow to come back after an outage of the managers are not taken for lost.
    pub first_beat: Option<Duration>,
    /// How long a node that said goodbye may stay away before it is down; `None`: as the cluster's spec says.
    pub goodbye_grace: Option<Duration>,
    /// How long a node must be down before its tasks are given up for good.
    pub orphan_after: Duration,
    /// When a node whose link comes and goes is held back.
    pub flap: FlapConfig,
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        DispatcherConfig {
            period: None,
            loss: None,
            first_beat: None,
            goodbye_grace: None,
            // As swarmkit.
            orphan_after: Duration::from_secs(24 * 3600),
            flap: FlapConfig::default(),
        }
    }
}

/// The dispatcher of one manager: serves while that manager leads, refuses otherwise. Clones are one.
#[derive(Clone)]
pub struct Dispatcher {
    handles: Handles,
    config: DispatcherConfig,
    logs: Broker,
    /// When this manager started.
    born_ns: i64,
    term: watch::Sender<Option<Term>>,
}

/// One time of leadership.
#[derive(Clone)]
struct Term {
    since_ns: i64,
    /// Never held across an await.
    sessions: Arc<Mutex<Sessions>>,
    reports: mpsc::Sender<Report>,
    /// A node has acknowledged that it balances to less.
    acknowledged: Arc<Notify>,
    stop: CancellationToken,
}

impl Dispatcher {
    /// A dispatcher that refuses all calls until [`Dispatcher::run`] runs.
    #[must_use]
    pub fn new(handles: Handles, config: DispatcherConfig) -> Self {
        let born_ns = handles.clock.now_ns();
        Dispatcher { handles, config, logs: Broker::default(), born_ns, term: watch::Sender::new(None) }
    }

    /// Who gathers the nodes' logs.
    pub(crate) fn logs(&self) -> &Broker {
        &self.logs
    }

    /// Serves for one time of leadership, until `stop`. `mute` tells which members of the managers' group do not answer, and
    /// of each whether it has led since this manager started.
    ///
    /// # Errors
    /// [`ReconcileError`] when this manager can lead no more.
    pub async fn run(
        &self,
        mute: impl Fn() -> BTreeMap<u64, bool>,
        stop: CancellationToken,
    ) -> Result<(), ReconcileError> {
        let (reports, queue) = mpsc::channel(REPORTS);
        let term = Term {
            since_ns: self.handles.clock.now_ns(),
            sessions: Arc::default(),
            reports,
            acknowledged: Arc::default(),
            stop: stop.child_token(),
        };
        let _ends_with_us = term.stop.clone().drop_guard();
        self.term.send_replace(Some(term.clone()));
        let ended = tokio::try_join!(
            heartbeat::watch(self, &term, mute),
            status::commit_reports(&self.handles, queue, term.stop.clone()),
            orphan::run(self, term.stop.clone()),
            release::run(self, &term),
        );
        self.term.send_replace(None);
        self.logs.clear();
        ended.map(|_| ())
    }

    fn term(&self) -> Result<Term, Status> {
        let term = self.term.borrow().clone();
        // Also in the moment between its election and the beginning of its term.
        term.ok_or_else(|| forward::not_leader("this manager is not the leader of the swarm"))
    }

    /// How often agents are to beat.
    fn period(&self) -> Duration {
        self.config.period.unwrap_or_else(|| {
            let view = self.handles.store.view();
            let spec = view.cluster().and_then(|cluster| cluster.spec.as_ref());
            match spec.map_or(0, |spec| spec.heartbeat_period_ns) {
                0 => swarm_api::default::HEARTBEAT_PERIOD,
                period_ns => Duration::from_nanos(period_ns),
            }
        })
    }

    /// How long a node may be silent.
    fn loss(&self) -> Duration {
        self.config.loss.unwrap_or_else(|| self.period() * 5 / 2)
    }

    /// How long a node that said goodbye may stay away.
    fn goodbye_grace(&self) -> Duration {
        self.config.goodbye_grace.unwrap_or_else(|| {
            let view = self.handles.store.view();
            let spec = view.cluster().and_then(|cluster| cluster.spec.as_ref());
            match spec.map_or(0, |spec| spec.absence_grace_ns) {
                0 => swarm_api::default::ABSENCE_GRACE,
                grace_ns => Duration::from_nanos(grace_ns),
            }
        })
    }

    /// How long a node may be silent that this leader has not heard yet.
    fn first_beat(&self) -> Duration {
        self.config.first_beat.unwrap_or_else(|| self.loss() * 3)
    }
}
