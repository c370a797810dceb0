//! The writing side as the loops and control see it: propose a transaction, learn whether it was applied.

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::transaction::MAX_TRANSACTION_BYTES;
use super::{MAX_ACTIONS, Refused, Store, Transaction, View, encode};
use crate::clock::Clock;

/// How many proposals may wait to be taken up; who proposes more waits.
const QUEUE: usize = 256;
/// How often a proposal made of a view is made anew after the view turned out to be stale.
const MAX_ATTEMPTS: u32 = 16;

/// A transaction was committed and applied here: the store's view contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its log index, which is the `meta.version` of every object it put.
    pub index: u64,
}

/// Why a proposal did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProposeError {
    /// It was committed, and refused when it was to be applied. Nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// This manager does not lead. Nothing changed through this proposal.
    #[error("this manager is not the leader of the swarm")]
    NotLeader,
    /// The outcome is unknown: leadership was lost, or the manager stops, while it was on its way.
    #[error("the manager stopped leading before the change was known to be committed")]
    Unknown,
    /// It is over one of the limits.
    #[error("the change is too large: {actions} actions, {bytes} bytes")]
    TooLarge {
        /// How many actions it has.
        actions: usize,
        /// How many bytes it has.
        bytes: usize,
    },
}

impl ProposeError {
    /// Whether the view was stale: plan again from a newer one.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// A handle to propose changes. Cloning is cheap; proposals of all clones are committed in batches.
#[derive(Clone, Debug)]
pub struct Proposer {
    queue: mpsc::Sender<Proposal>,
    clock: Clock,
}

/// A proposal on its way to whoever commits it.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) transaction: Transaction,
    pub(crate) now_ns: i64,
    pub(crate) reply: oneshot::Sender<Result<Applied, ProposeError>>,
}

impl Proposer {
    pub(crate) fn new(clock: Clock) -> (Self, mpsc::Receiver<Proposal>) {
        let (queue, proposals) = mpsc::channel(QUEUE);
        (Self { queue, clock }, proposals)
    }

    /// The time, as proposals carry it.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        self.clock.now_ns()
    }

    /// Proposes a change and waits until it is applied here or refused. If the future is dropped the change may still
    /// be applied.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub async fn propose(&self, transaction: Transaction) -> Result<Applied, ProposeError> {
        let (actions, bytes) = (transaction.actions.len(), encode::len(&transaction));
        if actions > MAX_ACTIONS || bytes > MAX_TRANSACTION_BYTES {
            return Err(ProposeError::TooLarge { actions, bytes });
        }
        let (reply, answer) = oneshot::channel();
        let proposal = Proposal { transaction, now_ns: self.clock.now_ns(), reply };
        self.queue.send(proposal).await.map_err(|_| ProposeError::NotLeader)?;
        answer.await.unwrap_or(Err(ProposeError::Unknown))
    }

    /// Proposes what `decide` makes of the newest view, and asks again when the view was stale. An empty transaction is
    /// not proposed: the answer is then `None`.
    ///
    /// # Errors
    /// Those of `decide`, and [`ProposeError`] (also when the view was stale too many times in a row).
    pub async fn update<E, F>(&self, store: &Store, mut decide: F) -> Result<Option<Applied>, E>
    where
        E: From<ProposeError>,
        F: FnMut(&View) -> Result<Transaction, E>,
    {
        let mut attempt = 1;
        loop {
            let transaction = decide(&store.view())?;
            if transaction.is_empty() {
                return Ok(None);
            }
            match self.propose(transaction).await {
                Ok(applied) => return Ok(Some(applied)),
                Err(error) if error.is_stale() && attempt < MAX_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
