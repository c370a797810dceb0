//! Control groups of both versions: where they are, their limits and counters, freezing, killing and removing them.
//!
//! A container is one path beneath all hierarchies. On version 1 that is a directory per controller; what lives
//! beside a version 2 tree without controllers ("hybrid") counts as version 1. All functions
//! block for a bounded time.

mod device;
mod end;
mod freeze;
mod layout;
mod oom;
mod setting;
mod stats;
pub mod systemd;
mod update;
mod v1;
mod v2;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

pub use layout::{Layout, Version, detect};
pub use oom::OomAlarm;
pub use stats::{Amount, BlockIo, BlockIoEntry, Cpu, Memory, Pids, Stats};

use update::refuse_leaf_weights;

/// One container's cgroup: a directory in each hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    version: Version,
    members: Vec<Member>,
}

/// The directory in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    /// Names of the controllers there; version 2: empty.
    controllers: Vec<String>,
    /// The hierarchy's mount point.
    root: PathBuf,
    dir: PathBuf,
}

impl Member {
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
    }
}

impl Cgroup {
    /// Its directories, whether they exist or not.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.members.iter().map(|member| member.dir.as_path())
    }

    /// Whether any of its directories exists.
    pub fn exists(&self) -> bool {
        self.dirs().any(Path::exists)
    }

    /// The processes in it and below, in the host's numbering.
    ///
    /// # Errors
    /// If a hierarchy cannot be read.
    pub fn processes(&self) -> Result<Vec<i32>> {
        let mut processes = Vec::new();
        for dir in self.dirs() {
            end::collect_processes(dir, end::MAX_DEPTH, &mut processes)?;
        }
        processes.sort_unstable();
        processes.dedup();
        Ok(processes)
    }

    /// How many of its processes the kernel's out-of-memory killer has ended; 0 if it cannot be known.
    pub fn oom_kills(&self) -> u64 {
        let file = match self.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        self.members
            .iter()
            .filter(|member| self.version == Version::V2 || member.has("memory"))
            .filter_map(|member| fs::read_to_string(member.dir.join(file)).ok())
            .filter_map(|text| {
                text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
            })
            .sum()
    }

    /// The directory into which a process can be cloned; version 2 only.
    pub(crate) fn clone_target(&self) -> Result<Option<OwnedFd>> {
        let Some(member) = self.members.first().filter(|_| self.version == Version::V2) else {
            return Ok(None);
        };
        fs::File::open(&member.dir).map(|file| Some(file.into())).map_err(Error::path("open", &member.dir))
    }

    /// The directory that the process `pid` is in; version 2 only.
    pub(crate) fn directory_of(&self, pid: i32) -> io::Result<OwnedFd> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
        let (Some(path), Some(member)) = (path, self.members.first()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        fs::File::open(member.root.join(path)).map(OwnedFd::from)
    }

    /// Moves the calling process, which has one thread, into the cgroup; version 1 only.
    ///
    /// Writing 0 to `tasks` instead of a number to `cgroup.procs` spares the kernel its system-wide wait for forks and
    /// exits, which costs milliseconds.
    pub(crate) fn enter(&self) -> Result<()> {
        for member in self.members.iter().filter(|_| self.version == Version::V1) {
            let tasks = member.dir.join("tasks");
            match put(&tasks, "0") {
                // A controller that this container does not use.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(Error::path("enter", tasks))?,
            }
        }
        Ok(())
    }

    /// On version 1: the hierarchies as they appear inside a container: names of the controllers, directory.
    pub(crate) fn v1_members(&self) -> Vec<(&[String], &Path)> {
        self.members
            .iter()
            .filter(|member| self.version == Version::V1 && member.dir.exists())
            .map(|member| (member.controllers.as_slice(), member.dir.as_path()))
            .collect()
    }

    /// Which interface it is.
    pub fn version(&self) -> Version {
        self.version
    }
}

/// Writes one value to one file of a cgroup.
fn write(dir: &Path, file: &str, value: impl AsRef<str>) -> Result<()> {
    let path = dir.join(file);
    put(&path, value.as_ref()).map_err(|error| Error::path("write limit to", path)(error))
}

/// Writes to an existing file; the control files cannot be created.
fn put(path: &Path, value: &str) -> io::Result<()> {
    let mut file = fs::File::options().write(true).open(path)?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// Makes `dir` and its parents beneath a hierarchy. A parent may be removed at the same time: then again.
fn make_dir(dir: &Path) -> Result<()> {
    const ROUNDS: usize = 8;
    let mut answer = Ok(());
    for _ in 0..ROUNDS {
        answer = fs::create_dir_all(dir);
        match &answer {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => break,
        }
    }
    answer.map_err(Error::path("make cgroup", dir))
}
