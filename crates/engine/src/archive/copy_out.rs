//! `GET /containers/{id}/archive`: a file or tree of a container.

use super::pack::{Packer, Skip};
use super::path::Wanted;
use super::reach::{Purpose, Reach, blocking};
use super::stat::{PathStat, look};
use super::stream::{self, ArchiveStream};
use crate::container::Containers;
use crate::error::{Error, Result};
use std::os::fd::AsFd;
use tokio::sync::oneshot;

impl Containers {
    /// An archive of what a path in a container is, with all that is below it, and what it is.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`]. What fails later ends the stream with an error.
    pub async fn archive(&self, reference: &str, path: &str) -> Result<(PathStat, ArchiveStream)> {
        let wanted = Wanted::parse(path)?;
        let reach = Reach::find(self, reference, Purpose::Read).await?;
        let record = reach.record.clone();
        let (sink, stream) = stream::channel();
        let (tell, told) = oneshot::channel();
        let (container, shared) = (record.clone(), self.shared.clone());
        let work = move || {
            // What a failed look says is told instead of an archive.
            let (mut tell, mut sink) = (Some(tell), Some(sink));
            let packed = reach.with(|root| {
                let (opened, stat, about) = look(root, &container, &wanted)?;
                let heard = tell.take().is_some_and(|tell| tell.send(Ok(about)).is_ok());
                let Some(sink) = sink.take().filter(|_| heard) else { return Ok(()) };
                let skip = if wanted.clean == "/" { Skip::Dev } else { Skip::Nothing };
                stream::told(sink, |sink| {
                    let failed = Error::files;
                    let mut packer = Packer::new(sink);
                    packer.whole(opened.as_fd(), &stat, &wanted.base, skip).map_err(failed)?;
                    packer.finish().map(drop).map_err(failed)
                })
            });
            if let (Err(error), Some(tell)) = (packed, tell) {
                // The client may be gone.
                drop(tell.send(Err(error)));
            }
            Ok(())
        };
        tokio::spawn(async move { blocking(&shared, work).await });
        let about = told.await.map_err(|_| Error::ShuttingDown)??;
        self.shared.publish(&record, "archive-path", &[]);
        Ok((about, stream))
    }
}
