//! `volume prune`: what no container uses goes.

use super::{Error, Volume, Volumes, fill};
use crate::error::Result;
use crate::event::EventKind;
use std::collections::BTreeMap;

/// What a prune took away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The names of the volumes.
    pub names: Vec<String>,
    /// The bytes that were in them.
    pub bytes: u64,
}

impl Volumes {
    /// Removes the volumes that no container uses and that `wanted` says yes to.
    ///
    /// # Errors
    /// The first failure that is not about one volume.
    pub async fn prune(&self, wanted: impl Fn(&Volume) -> bool) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for volume in self.list().into_iter().filter(|volume| wanted(volume)) {
            if !self.users(&volume.name).is_empty() {
                continue;
            }
            let bytes = self.size(&volume).await;
            match self.remove(&volume.name, false).await {
                Ok(()) => {
                    pruned.bytes += bytes.unwrap_or(0);
                    pruned.names.push(volume.name.clone());
                }
                // Somebody was faster, or took it into use.
                Err(crate::Error::Volume(Error::NotFound(_) | Error::InUse { .. })) => {}
                Err(error) => tracing::warn!(volume = volume.name, %error, "volume cannot be removed"),
            }
        }
        let reclaimed = BTreeMap::from([("reclaimed".to_owned(), pruned.bytes.to_string())]);
        self.shared.publish_as(EventKind::Volume, "", "prune", reclaimed);
        Ok(pruned)
    }

    /// The bytes of the files in a volume's own directory; `None` if it cannot be walked within the limits of a walk.
    pub async fn size(&self, volume: &Volume) -> Option<u64> {
        let place = volume.mountpoint.clone();
        tokio::task::spawn_blocking(move || fill::size(&place)).await.ok()?.ok()
    }
}
