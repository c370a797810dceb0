//! A volume that is not there yet: what is in it comes first.

use super::catalog::blocking;
use super::{Catalog, Volume, disk, name};
use crate::error::Result;
use crate::shared::now_ns;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The draft; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Draft {
    place: PathBuf,
    volume: Volume,
    is_settled: bool,
}

impl Draft {
    /// Where its files are put.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.join(disk::DATA)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_settled {
            discard(&self.place);
        }
    }
}

fn discard(place: &Path) {
    if let Err(error) = disk::discard(place) {
        tracing::warn!(%error, "half a volume stays until the next start");
    }
}

impl Catalog {
    /// Makes the draft of a volume of this name.
    ///
    /// # Errors
    /// If that is no name.
    pub(crate) async fn draft(&self, name: &str) -> Result<Draft> {
        if let Err(reason) = name::check_name(name) {
            return Err(super::Error::Name { name: name.to_owned(), reason }.into());
        }
        let place = self.root().join(format!(".import-{}-{name}", self.next_serial()));
        let volume = Volume {
            mountpoint: self.root().join(name).join(disk::DATA),
            name: name.to_owned(),
            created_ns: now_ns(),
            ..Volume::default()
        };
        let draft = Draft { place, volume, is_settled: false };
        blocking(move || disk::make_in(&draft.place, &draft.volume, None).map(|()| draft)).await
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// If there is a volume of this name by now.
    pub(crate) async fn settle(&self, mut draft: Draft) -> Result<Arc<Volume>> {
        let _changes = self.changes.lock().await;
        if self.find(&draft.volume.name).is_some() {
            return Err(super::Error::NotEmpty(draft.volume.name.clone()).into());
        }
        let root = self.root().to_owned();
        let draft = blocking(move || {
            disk::settle(&root, &draft.place, &draft.volume.name)?;
            draft.is_settled = true;
            Ok(draft)
        });
        let volume = Arc::new(draft.await?.volume.clone());
        self.insert(volume.clone());
        Ok(volume)
    }
}
