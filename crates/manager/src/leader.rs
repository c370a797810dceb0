//! What runs only while this manager leads: the loops that turn desired state into tasks.
//!
//! Started on becoming leader with everything considered dirty, so that start-up, failover and steady state share one
//! road; stopped on losing leadership. The end of any loop ends leadership: none may die silently.

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::dispatcher::Dispatcher;
use crate::raft::Roster;
use crate::reconcile::ReconcileError;
use crate::store::{ProposeError, Proposer, Store};
use crate::{allocator, ca, orchestrator, reaper, role, scheduler};

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

/// Why the loops ended when none of them failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// They were asked to.
    Stopped,
    /// One of them could not write: this manager leads no more, or a majority does not answer it.
    Lost,
}

type Outcome = (&'static str, Result<(), ReconcileError>);

/// Runs all loops until `stop` is cancelled or until one of them ends.
///
/// # Errors
/// [`LoopEnded`] when a loop fails or panics before `stop`.
pub(crate) async fn run(
    handles: Handles,
    roster: Roster,
    dispatcher: Dispatcher,
    stop: CancellationToken,
) -> Result<Ended, LoopEnded> {
    let mut loops: JoinSet<Outcome> = JoinSet::new();
    let inner = stop.child_token();
    let _stop_all = inner.clone().drop_guard();
    spawn_loops(&mut loops, &handles, roster, dispatcher, &inner);
    let ended = tokio::select! {
        () = stop.cancelled() => None,
        Some(ended) = loops.join_next() => Some(ended),
    };
    inner.cancel();
    while loops.join_next().await.is_some() {}
    match ended {
        None => Ok(Ended::Stopped),
        Some(Ok((_, Err(ReconcileError::Propose(ProposeError::NotLeader | ProposeError::Unknown))))) => {
            Ok(Ended::Lost)
        }
        Some(Ok((name, Err(error)))) => Err(LoopEnded { name, reason: error.to_string() }),
        Some(Ok(_)) if stop.is_cancelled() => Ok(Ended::Stopped),
        Some(Ok((name, Ok(())))) => Err(LoopEnded { name, reason: "without an error".to_owned() }),
        Some(Err(panic)) => Err(LoopEnded { name: "unknown", reason: panic.to_string() }),
    }
}

/// Each loop is `async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError>`: one line each here.
fn spawn_loops(
    loops: &mut JoinSet<Outcome>,
    handles: &Handles,
    roster: Roster,
    dispatcher: Dispatcher,
    stop: &CancellationToken,
) {
    let (all, each) = (handles, || stop.clone());
    loops.spawn(outcome("orchestrator", orchestrator::run(all.clone(), each())));
    loops.spawn(outcome("allocator", allocator::run(all.clone(), each())));
    loops.spawn(outcome("scheduler", scheduler::run(all.clone(), each())));
    loops.spawn(outcome("reaper", reaper::run(all.clone(), each())));
    loops.spawn(outcome("root rotation", ca::rotation::run(all.clone(), each())));
    loops.spawn(outcome("role", role::run(roster.clone(), all.clone(), each())));
    let stop = each();
    loops.spawn(outcome("dispatcher", async move { dispatcher.run(|| roster.mute(), stop).await }));
}

async fn outcome(name: &'static str, ended: impl Future<Output = Result<(), ReconcileError>>) -> Outcome {
    (name, ended.await)
}
