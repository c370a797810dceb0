//! Keeps one session with some manager open: picks an address, connects, runs the session, and on its end
//! goes on with the next after a jittered, capped wait. A manager that does not lead says who does: that one is
//! next, at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use swarm_api::tls::{Identity, SharedIdentity};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::agent::AgentStatus;
use crate::backoff::Backoff;
use crate::executor::Executor;
use crate::reporter::Live;
use crate::session::{About, Applied, News, Session};
use crate::solitude::Company;

const RECONNECT_FIRST: Duration = Duration::from_millis(50);
const RECONNECT_CAP: Duration = Duration::from_secs(3);
/// The longest wait while managers answer and nobody leads: an election takes about a second.
const ELECTION_CAP: Duration = Duration::from_millis(300);
/// Bound of making one connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes channels to managers: mutual TLS to an address, or a channel inside the process.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    /// A channel to the manager at `addr`, one of [`crate::AgentConfig::managers`] or of those a manager
    /// has told. The error is a sentence for a person.
    async fn connect(&self, addr: &str) -> Result<Channel, String>;

    /// The same without showing who this node is: for a node whose certificate is accepted no more.
    async fn connect_unknown(&self, addr: &str) -> Result<Channel, String> {
        Err(format!("connect to {addr}: there is no way without a certificate"))
    }

    /// This node's certificate. Where there is one, the agent keeps it fresh, and opens its session anew with each.
    fn identity(&self) -> Option<SharedIdentity> {
        None
    }

    /// Remembers a fresh certificate, before it is used.
    fn keep(&self, _identity: &Identity) -> Result<(), String> {
        Ok(())
    }

    /// Where this node says it is.
    fn place(&self) -> Place {
        Place::default()
    }
}

/// Where a node is. Empty parts are not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its address, without a port.
    pub addr: String,
    /// Where its manager is called, `host:port`; only of managers.
    pub manager_addr: String,
}

/// How a session ended.
struct Ended {
    error: String,
    /// Whether there was one at all.
    was_open: bool,
    /// The manager does not answer, though nothing says that it is gone.
    is_silent: bool,
    /// The leader's address, from a manager that does not lead; empty when that knows none.
    leader: Option<String>,
}

/// What the link runs on.
pub(crate) struct Link {
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) news: mpsc::Sender<News>,
    pub(crate) applied: watch::Receiver<Applied>,
    pub(crate) live: watch::Sender<Option<Live>>,
    pub(crate) status: watch::Sender<AgentStatus>,
    pub(crate) company: Company,
}

impl Link {
    /// Runs until the agent ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(RECONNECT_FIRST, RECONNECT_CAP);
        let mut next = 0_usize;
        let mut hinted = None;
        loop {
            let addresses = self.status.borrow().managers.clone();
            let was_hinted = hinted.is_some();
            let addr = hinted.take().or_else(|| addresses.get(next % addresses.len().max(1)).cloned());
            let mut leader = None;
            if let Some(addr) = addr {
                let ended = self.hold(&addr).await;
                let error = ended.error;
                if ended.was_open {
                    // The same manager is the likeliest to be there again, unless it hangs.
                    next = next.wrapping_add(usize::from(ended.is_silent));
                    backoff.reset();
                    tracing::info!(%addr, %error, "session with a manager ended");
                } else {
                    next = next.wrapping_add(usize::from(!was_hinted));
                    tracing::debug!(%addr, %error, "no session with this manager");
                }
                leader = ended.leader;
                self.live.send_replace(None);
                self.company.is_gone();
                self.status.send_modify(|status| {
                    status.connected = false;
                    status.last_error = Some(error);
                });
            }
            let wait = backoff.next_delay();
            match leader {
                // Only one hop: managers that send us to and fro are not believed.
                Some(leader) if !leader.is_empty() && !was_hinted => hinted = Some(leader),
                Some(_) => tokio::time::sleep(wait.min(ELECTION_CAP)).await,
                None if was_hinted => tokio::time::sleep(wait.min(ELECTION_CAP)).await,
                None => tokio::time::sleep(wait).await,
            }
        }
    }

    /// One session to its end.
    async fn hold(&self, addr: &str) -> Ended {
        let none = |error| Ended { error, was_open: false, is_silent: false, leader: None };
        let shared = self.connect.identity();
        let identity = shared.as_ref().map(SharedIdentity::get);
        let channel = match timeout(CONNECT, self.connect.connect(addr)).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(reason)) => return none(reason),
            Err(_) => return none(format!("connect to {addr}: no answer in time")),
        };
        let Place { addr: own, manager_addr } = self.connect.place();
        let tls = identity.as_ref().map(|identity| identity.tls().clone());
        let about = About { tls, addr: own, manager_addr };
        let ways = (self.news.clone(), self.applied.clone());
        let session = match Session::open(channel, &self.executor, about, ways).await {
            Ok(session) => session,
            Err(error) => return Ended { leader: error.leader(), ..none(error.to_string()) },
        };
        self.company.is_there();
        self.live.send_replace(Some(session.live()));
        self.status.send_modify(|status| {
            status.connected = true;
            status.last_error = None;
        });
        tracing::info!(%addr, "session with a manager is open");
        let replaced = async {
            match (&shared, &identity) {
                (Some(shared), Some(identity)) => shared.replaced(identity).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            error = session.run() => {
                let (leader, is_silent) = (error.leader(), error.is_silence());
                Ended { leader, is_silent, error: error.to_string(), was_open: true }
            }
            // The connection proves who we were: the next one proves who we are.
            () = replaced => Ended { was_open: true, ..none("the node has a new certificate".to_owned()) },
        }
    }
}
