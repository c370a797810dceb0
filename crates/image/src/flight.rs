//! Layers on their way in, each once however many pulls want it.
//!
//! In: what a layer must be, and how to fetch it. Out: a seat at the one fetch under way, with its progress and its outcome.
//! A fetch belongs to all who wait for it: it goes on while one of them does, and ends with the last. Who finds that
//! somebody else's fetch failed tries with its own means: it may have other credentials or know another registry.
//! What came lies outside the store until an image with it is published, and disappears if none is.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{sync::watch, task::AbortHandle};

use crate::{Error, ProgressSender, Result, digest::Digest, progress};

/// What a layer must be. Who announces something else means another layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) blob: Digest,
    pub(crate) diff_id: Digest,
    /// Bytes of the blob.
    pub(crate) size: u64,
}

/// How far a fetch is.
#[derive(Debug)]
pub(crate) enum Stage<T> {
    Begun,
    /// Until there is a place among the downloads.
    Waiting,
    /// Bytes that have come.
    Downloading(u64),
    /// The connection broke; it is tried again after this pause.
    Retrying(Duration),
    /// All bytes are here; the last of them are being looked at and unpacked.
    Verifying,
    /// Here, and whether it was fetched or had been here before.
    Done(Arc<T>, Origin),
    /// The error is for whoever began, who takes it out.
    Failed(Arc<Mutex<Option<Error>>>),
}

/// Where a layer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Registry,
    Store,
}

impl<T> Clone for Stage<T> {
    fn clone(&self) -> Stage<T> {
        match self {
            Stage::Begun => Stage::Begun,
            Stage::Waiting => Stage::Waiting,
            Stage::Downloading(bytes) => Stage::Downloading(*bytes),
            Stage::Retrying(pause) => Stage::Retrying(*pause),
            Stage::Verifying => Stage::Verifying,
            Stage::Done(layer, origin) => Stage::Done(layer.clone(), *origin),
            Stage::Failed(error) => Stage::Failed(error.clone()),
        }
    }
}

/// Where a fetch tells how far it is.
pub(crate) type Stages<T> = Arc<watch::Sender<Stage<T>>>;

/// The fetches under way; each brings a `T`.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    table: Arc<Mutex<Table<T>>>,
}

type Table<T> = HashMap<Wanted, Weak<Flight<T>>>;

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Flights<T> {
        Flights { table: self.table.clone() }
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Flights<T> {
        Flights { table: Arc::default() }
    }
}

/// One fetch. Ends early when nobody holds it any more.
#[derive(Debug)]
struct Flight<T> {
    wanted: Wanted,
    stages: watch::Receiver<Stage<T>>,
    task: AbortHandle,
    flights: Flights<T>,
}

/// A share in a fetch, and in what it brings.
#[derive(Debug)]
pub(crate) struct Seat<T> {
    flight: Arc<Flight<T>>,
    /// True for who began it.
    is_first: bool,
}

impl<T: Send + Sync + 'static> Flights<T> {
    /// Takes a seat at the fetch of a layer; begins one if there is none.
    pub(crate) fn join<F>(&self, wanted: Wanted, fetch: impl FnOnce(Stages<T>) -> F) -> Seat<T>
    where
        F: Future<Output = Result<(T, Origin)>> + Send + 'static,
    {
        let mut table = self.lock();
        let known = table.get(&wanted).and_then(Weak::upgrade);
        if let Some(flight) = known.filter(|flight| !matches!(*flight.stages.borrow(), Stage::Failed(_))) {
            return Seat { flight, is_first: false };
        }
        let (to, stages) = watch::channel(Stage::Begun);
        let to = Arc::new(to);
        let work = fetch(to.clone());
        let task = tokio::spawn(async move {
            let end = match work.await {
                Ok((layer, origin)) => Stage::Done(Arc::new(layer), origin),
                Err(error) => Stage::Failed(Arc::new(Mutex::new(Some(error)))),
            };
            to.send_replace(end);
        });
        let flight = Arc::new(Flight { wanted, stages, task: task.abort_handle(), flights: self.clone() });
        table.insert(wanted, Arc::downgrade(&flight));
        Seat { flight, is_first: true }
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.task.abort();
        let mut table = self.flights.lock();
        // Another may have begun under the same key meanwhile.
        if table.get(&self.wanted).is_some_and(|flight| flight.strong_count() == 0) {
            table.remove(&self.wanted);
        }
    }
}

impl<T> Seat<T> {
    /// Waits for the layer and tells its progress. The error is none if the fetch was somebody else's: try again.
    pub(crate) async fn wait(&self, to: &ProgressSender) -> Result<Arc<T>, Option<Error>> {
        let mut stages = self.flight.stages.clone();
        let mut shown = Shown { wanted: self.flight.wanted, has_verified: false };
        loop {
            let stage = stages.borrow_and_update().clone();
            shown.tell(&stage, to);
            match stage {
                Stage::Done(layer, _) => return Ok(layer),
                Stage::Failed(error) => {
                    let mut error = error.lock().unwrap_or_else(PoisonError::into_inner);
                    return Err(if self.is_first { error.take() } else { None });
                }
                _ => {}
            }
            if stages.changed().await.is_err() {
                // The runtime ends, or the fetch panicked.
                return Err(Some(Error::Closed));
            }
        }
    }
}

/// What one client was told of a fetch.
struct Shown {
    wanted: Wanted,
    has_verified: bool,
}

impl Shown {
    /// Stages may be skipped by who looks late; Docker's lines of them are not.
    fn tell<T>(&mut self, stage: &Stage<T>, to: &ProgressSender) {
        let Wanted { blob, size, .. } = self.wanted;
        let id = blob.short();
        match stage {
            Stage::Begun | Stage::Failed(_) => {}
            Stage::Waiting => progress::line(to, &id, "Waiting"),
            Stage::Downloading(bytes) => progress::bytes(to, &id, "Downloading", *bytes, size),
            Stage::Retrying(pause) => {
                let seconds = pause.as_secs().max(1);
                let plural = if seconds == 1 { "" } else { "s" };
                progress::line(to, &id, &format!("Retrying in {seconds} second{plural}"));
            }
            Stage::Verifying => self.verifying(&id, to),
            Stage::Done(_, Origin::Store) => progress::line(to, &id, "Already exists"),
            Stage::Done(_, Origin::Registry) => {
                self.verifying(&id, to);
                progress::line(to, &id, "Download complete");
                progress::bytes(to, &id, "Extracting", size, size);
                progress::line(to, &id, "Pull complete");
            }
        }
    }

    fn verifying(&mut self, id: &str, to: &ProgressSender) {
        if !std::mem::replace(&mut self.has_verified, true) {
            progress::bytes(to, id, "Downloading", self.wanted.size, self.wanted.size);
            progress::line(to, id, "Verifying Checksum");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn wanted() -> Wanted {
        Wanted { blob: Digest::of(b"a"), diff_id: Digest::of(b"b"), size: 1 }
    }

    #[tokio::test]
    async fn two_share_one_fetch_that_outlives_the_first() {
        let flights = Flights::<()>::default();
        let begun = Arc::new(AtomicU32::new(0));
        let (go, gate) = watch::channel(false);
        let fetch = |_: Stages<()>| {
            begun.fetch_add(1, Ordering::Relaxed);
            let mut gate = gate.clone();
            async move {
                gate.wait_for(|open| *open).await.map_err(|_| Error::Closed)?;
                Ok(((), Origin::Registry))
            }
        };
        let first = flights.join(wanted(), fetch);
        let second = flights.join(wanted(), fetch);
        assert!(first.is_first && !second.is_first);
        drop(first);
        go.send_replace(true);
        let (to, _lines) = tokio::sync::mpsc::channel(16);
        assert!(second.wait(&to).await.is_ok());
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        drop(second);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_for_who_began() {
        let flights = Flights::<()>::default();
        let fail = |_: Stages<()>| async { Err(Error::Closed) };
        let (first, second) = (flights.join(wanted(), fail), flights.join(wanted(), fail));
        let (to, _lines) = tokio::sync::mpsc::channel(16);
        assert!(matches!(second.wait(&to).await, Err(None)));
        assert!(matches!(first.wait(&to).await, Err(Some(Error::Closed))));
        let third = flights.join(wanted(), |_| async { Ok(((), Origin::Registry)) });
        assert!(third.is_first && third.wait(&to).await.is_ok());
        drop((first, second));
        assert!(flights.lock().contains_key(&wanted()), "the third is still there");
    }

    #[tokio::test]
    async fn nobody_left_ends_it() {
        let flights = Flights::<()>::default();
        let (dropped, mut gone) = watch::channel(());
        let seat = flights.join(wanted(), |_| async move {
            let _kept = dropped;
            std::future::pending::<Result<((), Origin)>>().await
        });
        tokio::task::yield_now().await;
        drop(seat);
        assert!(gone.changed().await.is_err(), "the sender went with the task");
    }
}
