//! The streams of a frozen container: numbers by which criu finds them again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::sys::stat::fstat;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// In the directory of a checkpoint.
const FILE: &str = "descriptors.json";
/// Three numbers are no longer than this.
const MAX_BYTES: u64 = 4096;

/// Inodes of the pipes that were the standard streams; none: the stream was no pipe of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptors {
    /// Standard input.
    pub stdin: Option<u64>,
    /// Standard output.
    pub stdout: Option<u64>,
    /// Standard error.
    pub stderr: Option<u64>,
}

impl Descriptors {
    /// The number of a pipe, from any end of it.
    pub fn of(end: BorrowedFd<'_>) -> Option<u64> {
        fstat(end).ok().map(|status| status.st_ino)
    }

    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let failed = |error: io::Error| Error::path("write", &path)(error);
        let json = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        fault::point("checkpoint: write descriptors");
        fs::write(&path, json).map_err(failed)
    }

    pub(super) fn read(dir: &Path) -> Result<Descriptors> {
        let path = dir.join(FILE);
        let failed = |error: io::Error| Error::path("read", &path)(error);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = File::options().read(true).custom_flags(flags).open(&path).map_err(failed)?;
        let mut json = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut json).map_err(failed)?;
        serde_json::from_slice(&json).map_err(|error| failed(error.into()))
    }
}
