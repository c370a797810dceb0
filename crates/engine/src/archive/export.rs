//! `GET /containers/{id}/export`: all files of a container, without what is mounted there.

use super::pack::Packer;
use super::reach::blocking;
use super::stream::{self, ArchiveStream};
use crate::container::Containers;
use crate::error::{Error, Result};
use crate::shared::containers_dir;
use crate::tree;
use runtime::view::View;
use rustix::fs::OFlags;
use std::os::fd::AsFd;

impl Containers {
    /// An archive of a container's root: its image's files and its own.
    ///
    /// # Errors
    /// If there is no such container. What fails later ends the stream with an error.
    pub async fn export(&self, reference: &str) -> Result<ArchiveStream> {
        let record = self.inspect(reference)?;
        let files = self.shared.files(&record.id).await?;
        let place = containers_dir(&self.shared.config);
        let view = View { lowers: files.all(), place, ..View::default() };
        let (sink, stream) = stream::channel();
        let work = move || {
            stream::told(sink, |sink| {
                let packed = view.with(|root| {
                    let top = tree::open_in(root, b"/", OFlags::DIRECTORY)?;
                    let mut packer = Packer::new(sink);
                    packer.below(top.as_fd())?;
                    packer.finish().map(drop)
                });
                packed.map_err(|error| Error::Files(error.to_string()))?.map_err(Error::files)
            })
        };
        let shared = self.shared.clone();
        tokio::spawn(async move { blocking(&shared, work).await });
        self.shared.publish(&record, "export", &[]);
        Ok(stream)
    }
}
