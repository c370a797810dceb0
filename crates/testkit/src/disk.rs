//! What may be wrong with the disk of a daemon under test: it is slow, or full.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use crate::daemon::Daemon;
use crate::program::run;

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

    /// Moves what a stopped daemon has on its disk to one of so many megabytes.
    ///
    /// # Panics
    /// When that cannot be made.
    pub fn shrink_disk(&self, megabytes: u32) {
        let (data, old) = (self.path("data"), self.path("data.old"));
        fs::rename(&data, &old).expect("the data root can be moved");
        fs::create_dir(&data).expect("a new data root");
        let size = format!("size={megabytes}m");
        for (program, args) in [
            (
                "mount",
                vec![
                    "-t".as_ref(),
                    "tmpfs".as_ref(),
                    "-o".as_ref(),
                    size.as_ref(),
                    "shoal-test".as_ref(),
                    data.as_os_str(),
                ],
            ),
            ("cp", vec!["-a".as_ref(), "-T".as_ref(), old.as_os_str(), data.as_os_str()]),
        ] {
            run(Command::new(program).args(args)).ok();
        }
        fs::remove_dir_all(old).expect("the old data root can be removed");
    }

    /// Fills its disk to the last byte.
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
