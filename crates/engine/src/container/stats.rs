//! What a container uses. Reads beside the container's task and never waits for it.

use super::Containers;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::stats::{Sample, Watch, sample};
use std::sync::Arc;

impl Containers {
    /// One look at what it uses now; no sample if it does not run.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]
    pub async fn sample(&self, reference: &str) -> Result<(Arc<Record>, Option<Sample>)> {
        let (shared, record) = (self.shared.clone(), self.inspect(reference)?);
        let looked = record.clone();
        let sample = tokio::task::spawn_blocking(move || sample(&shared, &looked));
        Ok((record, sample.await.map_err(|_| Error::ShuttingDown)?))
    }

    /// Looks at what it uses, once a second until the container is removed.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]
    pub fn watch(&self, reference: &str) -> Result<Watch> {
        let snapshots = self.entry(reference)?.snapshots;
        Ok(self.shared.samplers.watch(&self.shared, snapshots))
    }
}
