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

impl Containers {
    /// Removes the containers that do not run and that `unwanted` names, and returns the ids of those that are gone. One
    /// that is started or removed meanwhile is left to whoever did so.
    ///
    /// # Errors
    /// [`Error::Pruning`] while another prune is at work.
    pub async fn prune(&self, unwanted: impl Fn(&Record) -> bool) -> Result<Vec<String>> {
        let _alone = self.shared.pruning.try_lock().map_err(|_| Error::Pruning)?;
        let ended = |status: Status| matches!(status, Status::Created | Status::Exited | Status::Dead);
        let records = self.list();
        let ids: Vec<String> = records
            .iter()
            .filter(|record| ended(record.state.status) && unwanted(record))
            .map(|record| record.id.clone())
            .collect();
        let removed: Vec<Option<String>> = futures_util::stream::iter(ids)
            .map(|id| async move {
                match self.remove(&id, RemoveOptions::default()).await {
                    Ok(()) => Some(id),
                    Err(error) => {
                        tracing::warn!(container = %id, %error, "container is not pruned");
                        None
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        // Of no container in particular: Docker's actor has no id then.
        let actor =
            Actor { id: String::new(), attributes: [("reclaimed".to_owned(), "0".to_owned())].into() };
        let action = "prune".to_owned();
        self.shared.events.publish(Event { kind: EventKind::Container, action, actor, time_ns: now_ns() });
        Ok(removed.into_iter().flatten().collect())
    }
}
