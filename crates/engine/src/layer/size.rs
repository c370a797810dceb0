//! How large a container's own files are, and its whole root.

use crate::archive::blocking;
use crate::container::Containers;
use crate::driver::Layer;
use crate::error::{Error, Result};
use crate::shared::containers_dir;
use crate::tree::{self, Step, Walk};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long one layer is counted.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Bytes of a container's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Of its writable layer; `None` if it cannot be counted in time.
    pub own_bytes: Option<u64>,
    /// Of its image.
    pub image_bytes: u64,
}

impl Containers {
    /// Counts a container's files. Takes as long as it takes to look at each of them, within a limit.
    ///
    /// # Errors
    /// If there is no such container.
    pub async fn sizes(&self, reference: &str) -> Result<Sizes> {
        let record = self.inspect(reference)?;
        let files = self.shared.files(&record.id).await?;
        let place = containers_dir(&self.shared.config);
        // The image may be gone by now, though not its layers.
        let image_bytes = self.shared.images.get(&record.image_id).await.map_or(0, |image| image.size_bytes);
        let own_bytes = blocking(&self.shared, move || {
            let counted = |layer: Layer| count(layer.upper()).map_err(Error::io("count", layer.upper()));
            Ok(Layer::of(&files, place).and_then(counted))
        });
        let own_bytes = own_bytes.await?;
        if let Err(error) = &own_bytes {
            tracing::warn!(container = record.short_id(), %error, "size of a container is not known");
        }
        Ok(Sizes { own_bytes: own_bytes.ok(), image_bytes })
    }
}

fn count(upper: &Path) -> io::Result<u64> {
    let top = File::open(upper)?;
    let mut walk = Walk::new(top.as_fd())?;
    let (mut bytes, deadline) = (0u64, Instant::now() + TIME_LIMIT);
    while let Some(step) = walk.next()? {
        if Instant::now() > deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let Step::Entry(entry) = step else { continue };
        if entry.kind().is_file() && !tree::is_whiteout(&entry.stat) {
            bytes = bytes.saturating_add(u64::try_from(entry.stat.st_size).unwrap_or(0));
        }
    }
    Ok(bytes)
}
