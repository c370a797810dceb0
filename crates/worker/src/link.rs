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
/// Bound of opening a session at first. A manager that is switched off does not answer at all, and another is waited for meanwhile.
const OPEN_FIRST: Duration = Duration::from_secs(2);
/// The same when all have been asked in vain again and again: they may be far away or busy.
const OPEN_CAP: Duration = Duration::from_secs(5);

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

/// What an attempt that came to nothing says of why, the least telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Telling {
    /// Nobody was reached there; it may be a manager no longer.
    Unreached,
    /// A manager has no leader, or is not the one.
    Leaderless,
    /// A manager has refused this node.
    Refused,
}

/// When it is waited, and how long: each manager is asked before, since any may be the only one that is left.
struct Pace {
    /// Between two managers.
    between: Backoff,
    /// When all were asked.
    after_all: Backoff,
    tried: usize,
    /// How often all were asked.
    rounds: u32,
    /// The most telling failure of the last attempts, and how many others have failed since.
    said: Option<(Telling, usize)>,
}

impl Pace {
    fn new() -> Self {
        Pace {
            between: Backoff::new(RECONNECT_FIRST, RECONNECT_FIRST),
            after_all: Backoff::new(RECONNECT_FIRST, RECONNECT_CAP),
            tried: 0,
            rounds: 0,
            said: None,
        }
    }

    /// How long the next attempt may take.
    fn patience(&self) -> Duration {
        OPEN_FIRST.saturating_mul(1 << self.rounds.min(8)).min(OPEN_CAP)
    }

    /// A session was open, and has ended.
    fn begin(&mut self) {
        self.after_all.reset();
        self.tried = 0;
        self.rounds = 0;
        self.said = None;
    }

    /// Whether this failure is to be told instead of the one before, where so many managers are known: what nobody says any more
    /// is not told for ever.
    fn tells(&mut self, telling: Telling, known: usize) -> bool {
        let is_told = self.said.is_none_or(|(said, since)| telling >= said || since >= known);
        self.said = match self.said {
            Some((said, since)) if !is_told => Some((said, since + 1)),
            _ => Some((telling, 0)),
        };
        is_told
    }

    /// The wait after an attempt, where so many managers are known.
    fn wait(&mut self, known: usize) -> Duration {
        self.tried += 1;
        if self.tried < known {
            return self.between.next_delay();
        }
        self.tried = 0;
        self.rounds = self.rounds.saturating_add(1);
        self.after_all.next_delay()
    }
}

/// How a session ended.
struct Ended {
    error: String,
    /// What that says, if there was none at all.
    telling: Telling,
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
        let mut pace = Pace::new();
        let mut next = 0_usize;
        let mut hinted = None;
        loop {
            let addresses = self.status.borrow().managers.clone();
            let was_hinted = hinted.is_some();
            let addr = hinted.take().or_else(|| addresses.get(next % addresses.len().max(1)).cloned());
            let mut leader = None;
            if let Some(addr) = addr {
                let ended = self.hold(&addr, pace.patience()).await;
                let error = ended.error;
                let mut is_told = true;
                if ended.was_open {
                    // The same manager is the likeliest to be there again, unless it hangs.
                    next = next.wrapping_add(usize::from(ended.is_silent));
                    pace.begin();
                    tracing::info!(%addr, %error, "session with a manager ended");
                } else {
                    next = next.wrapping_add(usize::from(!was_hinted));
                    is_told = pace.tells(ended.telling, addresses.len());
                    tracing::debug!(%addr, %error, "no session with this manager");
                }
                leader = ended.leader;
                self.live.send_replace(None);
                self.company.is_gone();
                self.status.send_modify(|status| {
                    status.connected = false;
                    if is_told {
                        status.last_error = Some(format!("{addr}: {error}"));
                    }
                });
            }
            let wait = pace.wait(addresses.len());
            match leader {
                // Only one hop: managers that send us to and fro are not believed.
                Some(leader) if !leader.is_empty() && !was_hinted => hinted = Some(leader),
                Some(_) => tokio::time::sleep(wait.min(ELECTION_CAP)).await,
                None if was_hinted => tokio::time::sleep(wait.min(ELECTION_CAP)).await,
                None => tokio::time::sleep(wait).await,
            }
        }
    }

    /// One session to its end; `patience` bounds its opening.
    async fn hold(&self, addr: &str, patience: Duration) -> Ended {
        let none = |error| Ended {
            error,
            telling: Telling::Unreached,
            was_open: false,
            is_silent: false,
            leader: None,
        };
        let shared = self.connect.identity();
        let identity = shared.as_ref().map(SharedIdentity::get);
        let channel = match timeout(patience, self.connect.connect(addr)).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(reason)) => return none(reason),
            Err(_) => return none(format!("connect to {addr}: no answer in time")),
        };
        let Place { addr: own, manager_addr } = self.connect.place();
        let tls = identity.as_ref().map(|identity| identity.tls().clone());
        let about = About { tls, addr: own, manager_addr };
        let ways = (self.news.clone(), self.applied.clone());
        let session = match Session::open(channel, &self.executor, about, ways, patience).await {
            Ok(session) => session,
            Err(error) => {
                let leader = error.leader();
                let telling = match (&leader, error.is_refusal()) {
                    (Some(_), _) => Telling::Leaderless,
                    (None, true) => Telling::Refused,
                    (None, false) => Telling::Unreached,
                };
                return Ended { leader, telling, ..none(error.to_string()) };
            }
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
                Ended { leader, is_silent, was_open: true, ..none(error.to_string()) }
            }
            // The connection proves who we were: the next one proves who we are.
            () = replaced => Ended { was_open: true, ..none("the node has a new certificate".to_owned()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manager_is_asked_before_it_is_waited() {
        let mut pace = Pace::new();
        let round = |pace: &mut Pace| (0..5).map(|_| pace.wait(5)).collect::<Vec<_>>();
        for _ in 0..10 {
            let waits = round(&mut pace);
            assert!(waits[..4].iter().all(|wait| *wait <= RECONNECT_FIRST), "{waits:?}");
        }
        assert!(round(&mut pace)[4] >= RECONNECT_CAP / 2);
        assert_eq!(pace.patience(), OPEN_CAP);
        pace.begin();
        assert_eq!(pace.patience(), OPEN_FIRST, "others are asked soon when one does not answer");
        assert!(round(&mut pace)[4] <= RECONNECT_FIRST);
        assert!(pace.patience() > OPEN_FIRST);
        assert!(pace.wait(1) <= RECONNECT_CAP && pace.wait(0) <= RECONNECT_CAP, "few managers, or none");
    }

    #[test]
    fn a_refusal_is_told_rather_than_who_is_not_there_until_nobody_repeats_it() {
        let mut pace = Pace::new();
        assert!(pace.tells(Telling::Unreached, 3));
        assert!(pace.tells(Telling::Leaderless, 3) && pace.tells(Telling::Refused, 3));
        assert!(!pace.tells(Telling::Unreached, 3) && !pace.tells(Telling::Leaderless, 3));
        assert!(pace.tells(Telling::Refused, 3), "again");
        for _ in 0..3 {
            assert!(!pace.tells(Telling::Unreached, 3));
        }
        assert!(pace.tells(Telling::Unreached, 3));
    }
}
