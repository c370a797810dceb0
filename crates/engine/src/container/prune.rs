//! Removing every container that does not run.

use super::Containers;
use super::request::RemoveOptions;
use crate::error::{Error, Result};
use crate::event::{Actor, Event, EventKind};
use crate::record::{Record, Status};
use crate::shared::now_ns;
use futures_util::StreamExt;

/// How many are removed at the same time.
const AT_ONCE: usize = 8;

/// What is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The containers.
    pub ids: Vec<String>,
    /// Bytes of their files.
    pub bytes: u64,
}

impl Containers {
    /// Removes the containers that do not run and that `unwanted` names, and tells what is gone. One that is started or
    /// removed meanwhile is left to whoever did so.
    ///
    /// # Errors
    /// [`Error::Pruning`] while another prune is at work.
    pub async fn prune(&self, unwanted: impl Fn(&Record) -> bool) -> Result<Pruned> {
        let _alone = self.shared.pruning.try_lock().map_err(|_| Error::Pruning)?;
        let ended = |status: Status| matches!(status, Status::Created | Status::Exited | Status::Dead);
        let records = self.list();
        let ids: Vec<String> = records
            .iter()
            .filter(|record| ended(record.state.status) && unwanted(record))
            .map(|record| record.id.clone())
            .collect();
        let removed: Vec<Option<(String, u64)>> = futures_util::stream::iter(ids)
            .map(|id| self.prune_one(id))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut pruned = Pruned::default();
        for (id, bytes) in removed.into_iter().flatten() {
            pruned.ids.push(id);
            pruned.bytes = pruned.bytes.saturating_add(bytes);
        }
        // Of no container in particular: Docker's actor has no id then.
        let attributes = [("reclaimed".to_owned(), pruned.bytes.to_string())].into();
        let (actor, action) = (Actor { id: String::new(), attributes }, "prune".to_owned());
        self.shared.events.publish(Event { kind: EventKind::Container, action, actor, time_ns: now_ns() });
        Ok(pruned)
    }

    /// Its id and the bytes of its files, if it could be removed.
    async fn prune_one(&self, id: String) -> Option<(String, u64)> {
        let bytes = self.sizes(&id).await.ok().and_then(|sizes| sizes.own_bytes).unwrap_or(0);
        match self.remove(&id, RemoveOptions::default()).await {
            Ok(()) => Some((id, bytes)),
            Err(error) => {
                tracing::warn!(container = %id, %error, "container is not pruned");
                None
            }
        }
    }
}
