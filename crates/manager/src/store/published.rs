//! The reading side: the newest view, and the stream of changes. The one writer is whoever applies the log.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::event::{CHANGE_BUFFER, Sent};
use super::{Change, Event, State, Subscription, View};

/// A handle to read the store. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    view: watch::Receiver<View>,
    changes: broadcast::WeakSender<Sent>,
}

/// The writing side, held by the one task that applies the log.
#[derive(Debug)]
pub(crate) struct Publisher {
    view: watch::Sender<View>,
    changes: broadcast::Sender<Sent>,
}

impl Store {
    /// The newest applied state.
    #[must_use]
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// A stream of what is applied from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let receiver = self.changes.upgrade().map_or_else(closed, |changes| changes.subscribe());
        Subscription { receiver }
    }

    /// Waits until the view is at least of this index; `None` when the store is gone.
    pub async fn reached(&self, index: u64) -> Option<View> {
        let mut view = self.view.clone();
        view.wait_for(|view| view.index() >= index).await.ok().map(|view| view.clone())
    }
}

/// A subscription to a store that has ended.
fn closed() -> broadcast::Receiver<Sent> {
    broadcast::channel(1).1
}

impl Publisher {
    pub(crate) fn new(state: State) -> (Self, Store) {
        let (view, view_receiver) = watch::channel(View::from(state));
        let changes = broadcast::channel(CHANGE_BUFFER).0;
        let store = Store { view: view_receiver, changes: changes.downgrade() };
        (Self { view, changes }, store)
    }

    /// Publishes the state after a transaction: first the view, then its events.
    pub(crate) fn publish(&self, state: &State, events: Vec<Event>) {
        self.view.send_replace(View::from(state.clone()));
        if !events.is_empty() {
            let change = Change { index: state.index(), events };
            // No receiver is no fault: nobody is interested right now.
            let _ = self.changes.send(Sent::Changed(Arc::new(change)));
        }
    }

    /// Publishes a state that did not come about by events (a snapshot).
    pub(crate) fn replace(&self, state: &State) {
        self.view.send_replace(View::from(state.clone()));
        let _ = self.changes.send(Sent::Rescan);
    }
}
