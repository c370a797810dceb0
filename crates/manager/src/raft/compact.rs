//! When the log is compacted: after so many entries as the cluster's settings say, on every member for itself.

use std::sync::Arc;

use openraft::Raft;
use openraft::async_runtime::WatchReceiver;
use swarm_api::default;

use super::machine::Machine;
use super::types::Types;
use crate::seal::Keyring;
use crate::store::{State, Store};

/// What deciding it needs.
pub(super) struct Compaction {
    pub(super) store: Store,
    pub(super) keyring: Arc<Keyring>,
}

/// Runs as long as raft does.
pub(super) async fn run(raft: Raft<Types, Machine>, compaction: Compaction) {
    let mut metrics = raft.data_metrics();
    loop {
        let (applied, snapshot) = {
            let metrics = metrics.borrow_watched();
            (metrics.last_applied.map(|id| id.index), metrics.snapshot.map(|id| id.index))
        };
        if due(applied, snapshot, interval(&compaction.store.view())) {
            refresh(compaction.keyring.clone()).await;
            // One that is being taken already goes on.
            if let Err(error) = raft.trigger().snapshot().await {
                tracing::debug!(%error, "no snapshot any more");
            }
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// A key that has sealed very much is replaced when what it sealed is about to go.
async fn refresh(keyring: Arc<Keyring>) {
    let refreshed = tokio::task::spawn_blocking(move || keyring.refresh()).await;
    if let Ok(Err(error)) = refreshed {
        tracing::warn!(%error, "the data key is not replaced");
    }
}

/// How many entries there may be after a snapshot; a cluster from before this could be set has none.
fn interval(state: &State) -> u64 {
    let set =
        state.cluster().and_then(|cluster| cluster.spec.as_ref()).map_or(0, |spec| spec.snapshot_interval);
    if set == 0 { default::SNAPSHOT_INTERVAL } else { set }
}

/// Whether a snapshot is to be taken.
fn due(applied: Option<u64>, snapshot: Option<u64>, interval: u64) -> bool {
    // The first entry has the index 0.
    let count = |index: Option<u64>| index.map_or(0, |index| index.saturating_add(1));
    count(applied).saturating_sub(count(snapshot)) >= interval
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_after_as_many_entries_as_are_set() {
        assert!(!due(None, None, 1));
        assert!(due(Some(0), None, 1) && !due(Some(0), Some(0), 1));
        assert!(!due(Some(108), Some(99), 10) && due(Some(109), Some(99), 10));
        assert!(!due(Some(5), Some(99), 10), "a snapshot from elsewhere is ahead");
        assert_eq!(interval(&State::default()), default::SNAPSHOT_INTERVAL);
    }
}
