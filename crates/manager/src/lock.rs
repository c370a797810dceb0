//! The lock: keeps the keys on this manager's disk sealed as the cluster object says, on every manager for itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::raft::Compactor;
use crate::seal::{Keyring, UnlockKey};
use crate::store::{Notice, State, Store};

/// Pause before keys that could not be written are written again.
const RETRY: Duration = Duration::from_secs(1);

/// What keeping the lock needs.
pub(crate) struct Locker {
    pub(crate) store: Store,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) compactor: Compactor,
    /// Told after the keys are on disk.
    pub(crate) locked: watch::Sender<Option<UnlockKey>>,
}

impl Locker {
    /// Follows the cluster object until `stop`, or until the store is gone.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut changes = self.store.subscribe();
        loop {
            let settled = self.follow().await;
            let next = async {
                match settled {
                    true => matches!(changes.next().await, Notice::Closed),
                    false => {
                        tokio::time::sleep(RETRY).await;
                        false
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                closed = next => if closed { return },
            }
        }
    }

    /// Whether the keys are as they should be.
    async fn follow(&self) -> bool {
        let Some(wanted) = wanted(&self.store.view()) else { return true };
        if wanted == self.keyring.lock() {
            return true;
        }
        let (keyring, lock) = (self.keyring.clone(), wanted.clone());
        let relocked = tokio::task::spawn_blocking(move || keyring.relock(lock)).await;
        match relocked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot change the lock, tries again");
                return false;
            }
            Err(_) => return false,
        }
        tracing::info!(locked = wanted.is_some(), "the lock of this manager's keys has changed");
        self.locked.send_replace(wanted);
        // What is sealed under the key before this one is to go soon.
        self.compactor.compact().await;
        true
    }
}

/// The lock that the cluster wants; none before there is a cluster.
fn wanted(state: &State) -> Option<Option<UnlockKey>> {
    let cluster = state.cluster()?;
    let locks = cluster.spec.as_ref().is_some_and(|spec| spec.auto_lock_managers);
    Some(UnlockKey::from_bytes(&cluster.unlock_key).filter(|_| locks))
}
