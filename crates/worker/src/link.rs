//! Keeps one session with some manager open: picks an address, connects, runs the session, and on its end
//! goes on with the next after a jittered, capped wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::agent::AgentStatus;
use crate::backoff::Backoff;
use crate::executor::Executor;
use crate::reporter::Live;
use crate::session::{News, Session};
use crate::solitude::Company;

const RECONNECT_FIRST: Duration = Duration::from_millis(50);
const RECONNECT_CAP: Duration = Duration::from_secs(3);
/// Bound of making one connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes channels to managers: mutual TLS to an address, or a channel inside the process.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    /// A channel to the manager at `addr`, one of [`crate::AgentConfig::managers`] or of those a manager
    /// has told. The error is a sentence for a person.
    async fn connect(&self, addr: &str) -> Result<Channel, String>;
}

/// What the link runs on.
pub(crate) struct Link {
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) news: mpsc::Sender<News>,
    pub(crate) live: watch::Sender<Option<Live>>,
    pub(crate) status: watch::Sender<AgentStatus>,
    pub(crate) company: Company,
}

impl Link {
    /// Runs until the agent ends.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(RECONNECT_FIRST, RECONNECT_CAP);
        let mut next = 0_usize;
        loop {
            let addresses = self.status.borrow().managers.clone();
            if let Some(addr) = addresses.get(next % addresses.len().max(1)) {
                let (error, was_open) = self.hold(addr).await;
                if was_open {
                    // The same manager is the likeliest to be there again.
                    backoff.reset();
                    tracing::info!(%addr, %error, "session with a manager ended");
                } else {
                    next = next.wrapping_add(1);
                    tracing::debug!(%addr, %error, "no session with this manager");
                }
                self.live.send_replace(None);
                self.company.is_gone();
                self.status.send_modify(|status| {
                    status.connected = false;
                    status.last_error = Some(error);
                });
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    /// One session to its end: why it ended, and whether there was one at all.
    async fn hold(&self, addr: &str) -> (String, bool) {
        let channel = match timeout(CONNECT, self.connect.connect(addr)).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(reason)) => return (reason, false),
            Err(_) => return (format!("connect to {addr}: no answer in time"), false),
        };
        let session = match Session::open(channel, &self.executor, self.news.clone()).await {
            Ok(session) => session,
            Err(error) => return (error.to_string(), false),
        };
        self.company.is_there();
        self.live.send_replace(Some(session.live()));
        self.status.send_modify(|status| {
            status.connected = true;
            status.last_error = None;
        });
        tracing::info!(%addr, "session with a manager is open");
        (session.run().await.to_string(), true)
    }
}
