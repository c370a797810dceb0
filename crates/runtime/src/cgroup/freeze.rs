//! Stopping all processes of a group where they are, and letting them go on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::{Cgroup, Version, put};
use crate::{Error, Result};

/// How often the kernel is asked whether all have stopped, and the pause between: two seconds at most.
const ROUNDS: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(2);
/// On version 1 a process that is just being cloned may escape a freeze that has begun; to begin again catches it.
const AGAIN_EVERY: u32 = 25;

impl Cgroup {
    /// Stops every process in it and below, and waits until they have stopped. Blocks for two seconds at most.
    ///
    /// # Errors
    /// [`Error::Path`] with NotFound if the group is gone, with TimedOut if processes would not stop (in an
    /// uninterruptible sleep); all go on then.
    pub fn freeze(&self) -> Result<()> {
        let (path, frozen, thawed) = self.freezer()?;
        put(&path, frozen).map_err(Error::path("freeze", &path))?;
        for round in 1..=ROUNDS {
            if self.is_frozen()? {
                return Ok(());
            }
            thread::sleep(PAUSE);
            if self.version == Version::V1 && round % AGAIN_EVERY == 0 {
                put(&path, thawed).map_err(Error::path("thaw", &path))?;
                put(&path, frozen).map_err(Error::path("freeze", &path))?;
            }
        }
        put(&path, thawed).map_err(Error::path("thaw", &path))?;
        Err(Error::path("freeze", path)(io::ErrorKind::TimedOut.into()))
    }

    /// Lets every process go on. What is not frozen is no error.
    ///
    /// # Errors
    /// [`Error::Path`] with NotFound if the group is gone.
    pub fn thaw(&self) -> Result<()> {
        let (path, _, thawed) = self.freezer()?;
        put(&path, thawed).map_err(Error::path("thaw", path))
    }

    /// Whether all of its processes are stopped by a freezer, its own or one above. One file is read.
    ///
    /// # Errors
    /// [`Error::Path`] with NotFound if the group is gone.
    pub fn is_frozen(&self) -> Result<bool> {
        let (path, ..) = self.freezer()?;
        let path = if self.version == Version::V1 { path } else { path.with_file_name("cgroup.events") };
        let text = fs::read_to_string(&path).map_err(Error::path("read", path))?;
        Ok(says_frozen(self.version, &text))
    }

    /// The file that stops, what is written to stop and to go on.
    fn freezer(&self) -> Result<(PathBuf, &'static str, &'static str)> {
        let member = self.member("freezer").ok_or_else(|| Error::NoLimit("freezer.state".to_owned()))?;
        let dir: &Path = &member.dir;
        Ok(match self.version {
            Version::V1 => (dir.join("freezer.state"), "FROZEN", "THAWED"),
            Version::V2 => (dir.join("cgroup.freeze"), "1", "0"),
        })
    }
}

/// Pure: from `freezer.state` or `cgroup.events`.
fn says_frozen(version: Version, text: &str) -> bool {
    match version {
        Version::V1 => text.trim() == "FROZEN",
        Version::V2 => text.lines().any(|line| line == "frozen 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halfway_is_not_frozen() {
        assert!(says_frozen(Version::V1, "FROZEN\n"));
        assert!(!says_frozen(Version::V1, "FREEZING\n"));
        assert!(says_frozen(Version::V2, "populated 1\nfrozen 1\n"));
        assert!(!says_frozen(Version::V2, "populated 1\nfrozen 0\n"));
    }
}
