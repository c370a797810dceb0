//! The thread that owns the state of the store. Everything that changes the store is a closure sent to it, in order.
//!
//! The thread ends, and closes the metadata file, when the last handle is gone.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::state::State;
use crate::{Error, Result};

/// Changes that may wait for the thread; senders wait beyond that.
const QUEUE: usize = 64;

type Change = Box<dyn FnOnce(&mut State) + Send>;

/// A handle on the thread.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    /// Bounded by `places`, except for what destructors ask for: they cannot wait, and are as few as operations are.
    queue: mpsc::UnboundedSender<Change>,
    places: Arc<Semaphore>,
}

impl Keeper {
    pub(crate) fn start(mut state: State) -> Result<Keeper> {
        let (queue, mut changes) = mpsc::unbounded_channel::<Change>();
        let body = move || {
            while let Some(change) = changes.blocking_recv() {
                change(&mut state);
            }
        };
        let thread = std::thread::Builder::new().name("image-keeper".to_owned()).spawn(body);
        thread.map_err(Error::io("start a thread", "image-keeper"))?;
        Ok(Keeper { queue, places: Arc::new(Semaphore::new(QUEUE)) })
    }

    /// Runs `change` in turn. It runs to its end even if the future is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let (answer, result) = oneshot::channel();
        let change = Box::new(move |state: &mut State| {
            // The receiver is gone when the request was cancelled; the change holds all the same.
            let _ = answer.send(change(state));
            drop(place);
        });
        self.queue.send(change).map_err(|_| Error::Closed)?;
        result.await.map_err(|_| Error::Closed)?
    }

    /// A handle that does not keep the store open.
    pub(crate) fn downgrade(&self) -> WeakKeeper {
        WeakKeeper(self.queue.downgrade())
    }

    /// Runs `change` at some time, from a destructor.
    pub(crate) fn leave(&self, change: impl FnOnce(&mut State) + Send + 'static) {
        // A thread that has ended took the state, and with it all that could be given back.
        let _ = self.queue.send(Box::new(change));
    }
}

/// A handle that does not keep the store open.
#[derive(Clone, Debug)]
pub(crate) struct WeakKeeper(mpsc::WeakUnboundedSender<Change>);

impl WeakKeeper {
    /// True once the last handle is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.upgrade().is_none()
    }

    /// Runs `change` at some time, unless the store is closed.
    pub(crate) fn leave(&self, change: impl FnOnce(&mut State) + Send + 'static) {
        if let Some(queue) = self.0.upgrade() {
            // As above: a thread that has ended needs no change.
            let _ = queue.send(Box::new(change));
        }
    }
}
