//! What may be wrong with the disk of a daemon under test: it is slow, or full.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use crate::daemon::Daemon;
use crate::program::run;
use crate::trace;

impl Daemon {
    /// Makes each write of the managers' log take so many milliseconds longer; none at 0.
    ///
    /// # Panics
    /// When that cannot be said.
    pub fn slow_disk(&self, milliseconds: u64) {
        let draft = self.path("slow.new");
        fs::write(&draft, format!("{milliseconds}\n")).expect("how slow the disk is");
        fs::rename(draft, self.path("slow")).expect("how slow the disk is");
    }

    /// Gives a daemon that was never started a disk of so many megabytes. It takes memory only for what is on it.
    ///
    /// # Panics
    /// When that cannot be made.
    pub(crate) fn mount_disk(&self, megabytes: u32) {
        let data = self.path("data");
        fs::create_dir(&data).expect("a data root");
        let size = format!("size={megabytes}m");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, trace::DISK]).arg(data)).ok();
    }

    /// Fills its disk, which should be a small one, to the last byte.
    ///
    /// # Panics
    /// When it cannot be written for another reason.
    pub fn fill_disk(&self) {
        let mut ballast = File::create(self.path("data/ballast")).expect("the ballast");
        let block = vec![0; 1 << 16];
        let full = std::iter::repeat_with(|| ballast.write_all(&block))
            .find_map(Result::err)
            .expect("it becomes full");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
    }

    /// Takes back what [`Daemon::fill_disk`] did.
    ///
    /// # Panics
    /// When that cannot be removed.
    pub fn empty_disk(&self) {
        fs::remove_file(self.path("data/ballast")).expect("the ballast can be removed");
    }
}
