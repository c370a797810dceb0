//! What containers keep on the disk beside their writable layers: logs, and the files made for them.

use super::Containers;
use crate::archive::blocking;
use crate::error::{Error, Result};
use crate::shared::containers_dir;
use std::collections::BTreeMap;

impl Containers {
    /// Bytes on the disk by id of the container, without writable layers, which are the images' room.
    ///
    /// # Errors
    /// If a directory cannot be read.
    pub async fn disk_usage(&self) -> Result<BTreeMap<String, u64>> {
        let homes = containers_dir(&self.shared.config);
        let ids: Vec<String> = self.list().iter().map(|record| record.id.clone()).collect();
        blocking(&self.shared, move || {
            let measure = |id: String| {
                let home = homes.join(&id);
                let bytes = image::disk_bytes(&home).map_err(Error::io("measure", &home))?;
                Ok((id, bytes))
            };
            ids.into_iter().map(measure).collect()
        })
        .await
    }
}
