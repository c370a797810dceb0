//! `PUT /shoal/volumes/{name}/archive`: an archive becomes what is in a volume.
//!
//! A volume that is not there is put together beside the others and appears with all of the archive in it, or not at all. Into one
//! that is there the archive is extracted as `cp` does it: beneath it, without following links, never writing into what was
//! there before. What was extracted before a failure stays.

use super::patient::fed;
use crate::error::{Error, Result};
use crate::tree;
use crate::volume::{Error as VolumeError, Volume, Volumes, Way};
use image::archive::{Rules, extract, open_plain};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use tokio::io::AsyncRead;

impl Volumes {
    /// Extracts a plain, gzip or zstd archive in a volume, which is made if it is missing. With `merge` it need not be empty:
    /// directories are merged, all else is replaced.
    ///
    /// # Errors
    /// If the name cannot be one, the volume is not empty, or the archive is broken.
    pub async fn import(
        &self,
        name: &str,
        merge: bool,
        archive: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<Arc<Volume>> {
        let Ok(volume) = self.inspect(name) else { return self.import_new(name, archive).await };
        let hold = self.shared.volumes.hold_existing(name).await?;
        let way = Way::find(&self.shared, &volume).await?;
        let name = name.to_owned();
        let work = move |input: Box<dyn Read + Send>| {
            let _hold = hold;
            way.with(|top| {
                let is_empty = tree::names(top).map_err(Error::files)?.is_empty();
                if is_empty || merge { unpack(top, input) } else { Err(VolumeError::NotEmpty(name).into()) }
            })
        };
        fed(&self.shared, archive, work).await?;
        Ok(volume)
    }

    async fn import_new(
        &self,
        name: &str,
        archive: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<Arc<Volume>> {
        let draft = self.shared.volumes.draft(name).await?;
        let work = move |input: Box<dyn Read + Send>| {
            let data = std::fs::File::open(draft.data()).map_err(Error::files)?;
            unpack(data.as_fd(), input).map(|()| draft)
        };
        let draft = fed(&self.shared, archive, work).await?;
        let volume = self.shared.volumes.settle(draft).await?;
        self.shared.publish_volume(&volume.name, "create");
        Ok(volume)
    }
}

fn unpack(top: BorrowedFd<'_>, archive: impl Read + Send) -> Result<()> {
    let top = tree::directory(top).map_err(Error::files)?;
    let rules = Rules { base: b"/".to_vec(), with_top: true, ..Rules::default() };
    Ok(extract(open_plain(archive)?, top, rules)?)
}
