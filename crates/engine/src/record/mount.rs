//! What a container's mounts hold on to.

use super::{MountPoint, Record};

impl MountPoint {
    /// Whether memory is mounted, and nothing of the host.
    pub(crate) fn is_memory(&self) -> bool {
        self.kind == "tmpfs" || self.file_system == "tmpfs"
    }

    /// Whether a volume in memory is mounted, which other containers may have too.
    pub(crate) fn is_memory_volume(&self) -> bool {
        self.kind == "volume" && self.file_system == "tmpfs"
    }

    /// Whether a file or directory of the host is mounted as it is.
    pub(crate) fn is_of_host(&self) -> bool {
        self.kind != "tmpfs" && self.file_system.is_empty()
    }
}

impl Record {
    /// The ids of the images it needs: its own, and those it has mounted.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        let mounted = self.mounts.iter().filter(|mount| !mount.image.is_empty());
        std::iter::once(self.image_id.as_str()).chain(mounted.map(|mount| mount.image.as_str()))
    }

    /// The names under which the store of images keeps the layers that it has mounted.
    pub(crate) fn pins(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|mount| !mount.pin.is_empty()).map(|mount| mount.pin.as_str())
    }
}
