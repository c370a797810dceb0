//! Content on its way in: a directory that disappears unless it is published, and uses of content that is already there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{
    keeper::Keeper,
    record::ImageRecord,
    state::{State, forget},
    trash,
};
use crate::{Error, Result, background, digest::Digest};

/// A pull, load or import under way. Dropping it stops its threads and removes what it brought.
#[derive(Debug)]
pub(crate) struct Operation {
    place: Arc<Workplace>,
    keeper: Keeper,
    /// Told when it begins and when it is over.
    arrivals: Arc<Notify>,
}

/// The directory of an operation, shared with its threads; removed when the last of them is done.
#[derive(Debug)]
pub(crate) struct Workplace {
    path: PathBuf,
    /// True on a file system that spreads what is made in it: see [`spread`].
    is_spread: bool,
    cancelled: AtomicBool,
    serial: AtomicU64,
}

impl Operation {
    pub(super) fn begin(keeper: Keeper, arrivals: Arc<Notify>, state: &mut State) -> Result<Operation> {
        arrivals.notify_one();
        let place = Arc::new(Workplace::make(state.temporary_name("work"))?);
        Ok(Operation { place, keeper, arrivals })
    }

    pub(crate) fn place(&self) -> &Arc<Workplace> {
        &self.place
    }

    /// See [`Holder::hold`].
    pub(crate) async fn hold(&self, layer: Digest, blob: Digest) -> Result<Option<Hold>> {
        self.holder().hold(layer, blob).await
    }

    /// What can keep content in the store.
    pub(crate) fn holder(&self) -> Holder {
        Holder { keeper: self.keeper.clone() }
    }
}

/// Keeps content in the store on demand.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(super) keeper: Keeper,
}

impl Holder {
    /// If a layer is there both unpacked and as this blob, as an image says for which that was verified, keeps it there for
    /// as long as the answer lives.
    pub(crate) async fn hold(&self, layer: Digest, blob: Digest) -> Result<Option<Hold>> {
        let keeper = self.keeper.clone();
        self.keeper
            .run(move |state| {
                let catalog = state.published.load();
                let pairs = |image: &ImageRecord| {
                    image.layers.iter().zip(&image.blobs).any(|pair| pair == (&layer, &blob))
                };
                let is_known = catalog.images.values().any(|entry| pairs(&entry.record));
                if !is_known || !catalog.layers.contains_key(&layer) {
                    return Ok(None);
                }
                state.layer_users.add([&layer]);
                state.blob_users.add([&blob]);
                Ok(Some(Hold { layer, blob, keeper }))
            })
            .await
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.place.cancelled.store(true, Ordering::Relaxed);
        self.arrivals.notify_one();
    }
}

impl Workplace {
    pub(crate) fn make(path: PathBuf) -> Result<Workplace> {
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        let is_spread = spread(&path);
        Ok(Workplace { path, is_spread, cancelled: AtomicBool::new(false), serial: AtomicU64::new(0) })
    }

    /// A new name in the directory, which no other operation had: see [`spread`].
    pub(crate) fn name(&self, kind: &str) -> PathBuf {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!("{kind}-{serial}-{:016x}", rand::random::<u64>()))
    }

    /// True if the file system gives each directory here a part of the disk by its name.
    pub(crate) fn is_spread(&self) -> bool {
        self.is_spread
    }

    /// True once nobody waits for the operation any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Tells ext4 that what is made here has nothing to do with each other, so that each layer gets a part of the disk with
/// room (chattr(1), `T`).
///
/// Without a journal, ext4 gives no file the inode of one that was deleted in the last minutes, and passes over these one by
/// one (`recently_deleted` in the kernel): of as many files as were deleted a moment ago in the same part of the disk, each
/// takes twenty times as long. With the mark it begins to look for a part at one that it derives from the directory's name,
/// so that a name that comes again leads to where the last layer was deleted. Other file systems have no such mark.
fn spread(directory: &Path) -> bool {
    let marked = fs::File::open(directory).and_then(|opened| {
        let flags = rustix::fs::ioctl_getflags(&opened)?;
        Ok(rustix::fs::ioctl_setflags(&opened, flags | rustix::fs::IFlags::TOPDIR)?)
    });
    if let Err(error) = marked {
        tracing::trace!(%error, "layers are placed as usual");
        return false;
    }
    true
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        let work = move || forget(trash::remove(&path), &path);
        if let Err(error) = background::spawn("image-trash", background::UPKEEP, work) {
            tracing::warn!(%error, "an operation's directory stays until the next start");
        }
    }
}

/// Keeps a layer and its blob in the store.
#[derive(Debug)]
pub(crate) struct Hold {
    layer: Digest,
    blob: Digest,
    keeper: Keeper,
}

impl Hold {
    /// The blob, and the layer that it unpacks to.
    pub(crate) fn pair(&self) -> (Digest, Digest) {
        (self.blob, self.layer)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (layer, blob) = (self.layer, self.blob);
        self.keeper.leave(move |state| {
            if let Err(error) = state.give_up(&[layer], &[blob]) {
                tracing::warn!(%error, "an unused layer stays until the next start");
            }
        });
    }
}
