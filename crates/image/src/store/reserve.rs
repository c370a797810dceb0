//! Room that is kept for the metadata file, so that images can be removed from a disk that is full.
//!
//! A removal writes before it frees anything. When that fails for want of room the reserve is given up, and made again by a
//! later change. Dying in between leaves no reserve, which the next change makes.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

use rustix::fs::FallocateFlags;

/// What a removal may need: the metadata of thousands of images takes less.
const RESERVE_BYTES: u64 = 1 << 20;

/// A file that takes room and holds nothing.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    is_there: bool,
}

impl Reserve {
    pub(super) fn new(path: PathBuf) -> Reserve {
        let is_there = fs::metadata(&path).is_ok_and(|file| file.len() == RESERVE_BYTES);
        Reserve { path, is_there }
    }

    /// Makes the file unless it is there. Where there is no room, a later call may find some.
    pub(super) fn keep(&mut self) {
        if self.is_there {
            return;
        }
        fault::point("image: make the reserve");
        let made = File::create(&self.path)
            .and_then(|file| Ok(rustix::fs::fallocate(file, FallocateFlags::empty(), 0, RESERVE_BYTES)?));
        match made {
            Ok(()) => self.is_there = true,
            Err(error) => {
                tracing::debug!(%error, "no room is kept for removals");
                self.give_up();
            }
        }
    }

    /// Frees the room; whether there was any.
    pub(super) fn give_up(&mut self) -> bool {
        self.is_there = false;
        fault::point("image: give up the reserve");
        fs::remove_file(&self.path).is_ok()
    }
}

/// Whether a write failed for want of room.
pub(super) fn is_full(error: &redb::Error) -> bool {
    matches!(error, redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_given_up_and_kept_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reserve");
        let mut reserve = Reserve::new(path.clone());
        reserve.keep();
        assert!(crate::disk_bytes(&path).unwrap() >= RESERVE_BYTES);
        assert!(Reserve::new(path.clone()).give_up() && !path.exists());
        assert!(!reserve.give_up());
        reserve.keep();
        assert!(path.exists());
    }
}
