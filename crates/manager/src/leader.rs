//! What runs only while this manager leads: the loops that turn desired state into tasks.
//!
//! Started on becoming leader with everything considered dirty, so that start-up, failover and steady state share one
//! road; stopped on losing leadership. The end of any loop ends leadership: none may die silently.

use std::fmt::Display;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::dispatcher::Dispatcher;
use crate::store::{Proposer, Store};
use crate::{allocator, ca, orchestrator, reaper, scheduler};

/// What a loop is given. It sees the world only through these.
#[derive(Clone, Debug)]
pub struct Handles {
    /// The replicated state, to read.
    pub store: Store,
    /// The way to change it.
    pub proposer: Proposer,
    /// The time.
    pub clock: Clock,
}

/// A loop ended although it was not asked to.
#[derive(Debug, Error)]
#[error("the {name} loop ended: {reason}")]
pub struct LoopEnded {
    /// Which one.
    pub name: &'static str,
    /// Its last words.
    pub reason: String,
}

type Outcome = (&'static str, Result<(), String>);

/// Runs all loops until `stop` is cancelled (then `Ok`) or until one of them ends.
///
/// # Errors
/// [`LoopEnded`] when a loop ends or panics before `stop`.
pub async fn run(handles: Handles, dispatcher: Dispatcher, stop: CancellationToken) -> Result<(), LoopEnded> {
    let mut loops: JoinSet<Outcome> = JoinSet::new();
    let inner = stop.child_token();
    let _stop_all = inner.clone().drop_guard();
    spawn_loops(&mut loops, &handles, dispatcher, &inner);
    let ended = tokio::select! {
        () = stop.cancelled() => None,
        Some(ended) = loops.join_next() => Some(ended),
    };
    inner.cancel();
    while loops.join_next().await.is_some() {}
    match ended {
        None => Ok(()),
        Some(Ok((name, Err(reason)))) => Err(LoopEnded { name, reason }),
        Some(Ok(_)) if stop.is_cancelled() => Ok(()),
        Some(Ok((name, Ok(())))) => Err(LoopEnded { name, reason: "without an error".to_owned() }),
        Some(Err(panic)) => Err(LoopEnded { name: "unknown", reason: panic.to_string() }),
    }
}

/// Each loop is `async fn run(handles: Handles, stop: CancellationToken) -> Result<(), E: Display>`: one line each here.
fn spawn_loops(
    loops: &mut JoinSet<Outcome>,
    handles: &Handles,
    dispatcher: Dispatcher,
    stop: &CancellationToken,
) {
    let (all, each) = (handles, || stop.clone());
    loops.spawn(outcome("orchestrator", orchestrator::run(all.clone(), each())));
    loops.spawn(outcome("allocator", allocator::run(all.clone(), each())));
    loops.spawn(outcome("scheduler", scheduler::run(all.clone(), each())));
    loops.spawn(outcome("reaper", reaper::run(all.clone(), each())));
    loops.spawn(outcome("root rotation", ca::rotation::run(all.clone(), each())));
    let stop = each();
    loops.spawn(outcome("dispatcher", async move { dispatcher.run(stop).await }));
}

async fn outcome<E: Display>(name: &'static str, ended: impl Future<Output = Result<(), E>>) -> Outcome {
    (name, ended.await.map_err(|error| error.to_string()))
}
