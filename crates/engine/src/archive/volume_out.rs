//! `GET /shoal/volumes/{name}/archive`: all that is in a volume.
//!
//! Everything is opened once, by its directory and one name, and told by what was opened: whoever swaps a file for a link
//! meanwhile spoils his own archive, and nothing outside the volume is ever read (CVE-2023-0778).

use super::pack::{Packer, Skip};
use super::reach::blocking;
use super::stream::{self, ArchiveStream};
use crate::error::{Error, Result};
use crate::tree;
use crate::volume::{Volumes, Way};
use tokio::sync::oneshot;

/// What the volume's own directory is called in an archive.
const TOP: &str = ".";

impl Volumes {
    /// An archive of what is in a volume, with its own directory's owner and mode. The volume cannot be removed meanwhile.
    ///
    /// # Errors
    /// If there is no such volume, or what is in it cannot be reached. What fails later ends the stream with an error.
    pub async fn export(&self, name: &str) -> Result<ArchiveStream> {
        let volume = self.inspect(name)?;
        let hold = self.shared.volumes.hold_existing(name).await?;
        let way = Way::find(&self.shared, &volume).await?;
        let (sink, stream) = stream::channel();
        let (tell, told) = oneshot::channel();
        let work = move || {
            let _hold = hold;
            // What fails before the first byte is told instead of an archive.
            let (mut tell, mut sink) = (Some(tell), Some(sink));
            let packed = way.with(|top| {
                let stat = tree::stat(top).map_err(Error::files)?;
                let heard = tell.take().is_some_and(|tell| tell.send(Ok(())).is_ok());
                let Some(sink) = sink.take().filter(|_| heard) else { return Ok(()) };
                stream::told(sink, |sink| {
                    let mut packer = Packer::new(sink);
                    packer.whole(top, &stat, TOP, Skip::Nothing).map_err(Error::files)?;
                    packer.finish().map(drop).map_err(Error::files)
                })
            });
            if let (Err(error), Some(tell)) = (packed, tell) {
                // The client may be gone.
                drop(tell.send(Err(error)));
            }
            Ok(())
        };
        let shared = self.shared.clone();
        tokio::spawn(async move { blocking(&shared, work).await });
        told.await.map_err(|_| Error::ShuttingDown)??;
        Ok(stream)
    }
}
