//! What was applied, told to those who subscribed. Bounded: who lags is told to look at the whole view again.

use std::sync::Arc;

use tokio::sync::broadcast;

use super::Object;

/// How many applied transactions a subscriber may lag before it must rescan.
pub(super) const CHANGE_BUFFER: usize = 256;

/// One applied change.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The object is new.
    Created(Object),
    /// The object was replaced.
    Updated {
        /// What it was.
        old: Object,
        /// What it is.
        new: Object,
    },
    /// The object is gone; this is what it was.
    Deleted(Object),
}

impl Event {
    /// The object after the change, or the last one before it was deleted.
    #[must_use]
    pub fn object(&self) -> &Object {
        match self {
            Self::Created(object) | Self::Updated { new: object, .. } | Self::Deleted(object) => object,
        }
    }
}

/// The events of one applied transaction.
#[derive(Debug)]
pub struct Change {
    /// Its log index. The store's view is at least as new when the change is received.
    pub index: u64,
    /// In the order of its actions.
    pub events: Vec<Event>,
}

/// What a subscriber receives.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A transaction was applied.
    Changed(Arc<Change>),
    /// Changes were missed (lag, or a snapshot was installed): everything may be different.
    Rescan,
    /// The store is gone; nothing will come.
    Closed,
}

/// What the store sends: either a change or the advice to rescan.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    Changed(Arc<Change>),
    Rescan,
}

/// A place in the stream of changes. Take a view after subscribing, and nothing is missed.
#[derive(Debug)]
pub struct Subscription {
    pub(super) receiver: broadcast::Receiver<Sent>,
}

impl Subscription {
    /// Waits for the next notice. Safe to drop while waiting.
    pub async fn next(&mut self) -> Notice {
        match self.receiver.recv().await {
            Ok(Sent::Changed(change)) => Notice::Changed(change),
            Ok(Sent::Rescan) | Err(broadcast::error::RecvError::Lagged(_)) => Notice::Rescan,
            Err(broadcast::error::RecvError::Closed) => Notice::Closed,
        }
    }

    /// A notice that is there already, if any. Loops drain so before they plan once.
    pub fn try_next(&mut self) -> Option<Notice> {
        match self.receiver.try_recv() {
            Ok(Sent::Changed(change)) => Some(Notice::Changed(change)),
            Ok(Sent::Rescan) | Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Notice::Rescan),
            Err(broadcast::error::TryRecvError::Empty) => None,
            Err(broadcast::error::TryRecvError::Closed) => Some(Notice::Closed),
        }
    }
}
