//! Control groups of both versions: where they are, their limits, killing and removing them.

use std::path::{Path, PathBuf};

use crate::Result;

/// Which cgroup interface rules this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 1, also when an empty version 2 tree is mounted beside it ("hybrid").
    V1,
    /// Version 2 alone.
    V2,
}

/// The cgroup hierarchies of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    version: Version,
}

/// One container's cgroup: a directory in each hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    dirs: Vec<PathBuf>,
}

/// Looks at what is mounted.
///
/// # Errors
/// If no hierarchy is mounted.
pub fn detect() -> Result<Layout> {
    Err(crate::Error::NoCgroup)
}

impl Layout {
    /// Which interface it is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The cgroup at `path` (absolute beneath the hierarchies, as `linux.cgroupsPath`); nothing is created.
    ///
    /// # Errors
    /// If `path` leaves the hierarchy or is empty.
    pub fn cgroup(&self, _path: &Path) -> Result<Cgroup> {
        Ok(Cgroup { dirs: Vec::new() })
    }

    /// Names of the cgroups directly below `parent`, for recovery.
    ///
    /// # Errors
    /// If a hierarchy cannot be read.
    pub fn children(&self, _parent: &Path) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl Cgroup {
    /// The directories that exist.
    pub fn dirs(&self) -> &[PathBuf] {
        &self.dirs
    }

    /// The processes in it and below.
    ///
    /// # Errors
    /// If a hierarchy cannot be read.
    pub fn processes(&self) -> Result<Vec<i32>> {
        Ok(Vec::new())
    }

    /// Kills every process in it and below. Gives up after a bounded number of rounds.
    ///
    /// # Errors
    /// If processes are left.
    pub fn kill(&self) -> Result<()> {
        Ok(())
    }

    /// Removes it and everything below. What does not exist is no error.
    ///
    /// # Errors
    /// If it is still in use after a bounded wait.
    pub fn remove(&self) -> Result<()> {
        Ok(())
    }

    /// How many of its processes the kernel's out-of-memory killer has ended.
    pub fn oom_kills(&self) -> u64 {
        0
    }
}
