//! What is kept of a container between two calls of this program: `state.json`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::SPEC_VERSION;
use crate::failure::{Failure, Outcome};

const FILE: &str = "state.json";

/// The contents of `state.json`. Fields are only ever added: a newer program reads what an older one has left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) id: String,
    /// Absolute.
    pub(crate) bundle: PathBuf,
    /// Absolute.
    pub(crate) rootfs: PathBuf,
    /// The first process; none while it is being made.
    pub(crate) process: Option<ProcessId>,
    /// Who makes it.
    pub(crate) creator: ProcessId,
    /// The program that the first process is until it runs the container's.
    #[serde(default)]
    pub(crate) waits_as: Option<FileId>,
    /// Path beneath the hierarchies.
    pub(crate) cgroup: PathBuf,
    /// The scope of systemd that the cgroup is, if it is one.
    pub(crate) unit: Option<String>,
    /// RFC 3339.
    pub(crate) created: String,
    #[serde(default)]
    pub(crate) annotations: HashMap<String, String>,
}

/// A process, not to be taken for a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: i32,
    /// Ticks from the machine's start to the process' own.
    pub(crate) started: u64,
}

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(crate) fn of(path: impl AsRef<Path>) -> io::Result<FileId> {
        let metadata = fs::metadata(path)?;
        Ok(FileId { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// The states of runtime.md, and that of a frozen container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }

    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Status::Created | Status::Running | Status::Paused)
    }
}

/// A container as `state` and `list` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    oci_version: &'static str,
    pub(crate) id: String,
    pub(crate) pid: i32,
    pub(crate) status: &'static str,
    pub(crate) bundle: PathBuf,
    rootfs: PathBuf,
    pub(crate) created: String,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    annotations: HashMap<String, String>,
    pub(crate) owner: String,
}

impl State {
    pub(crate) fn load(id: &str, dir: &Path) -> Outcome<State> {
        let file = dir.join(FILE);
        let bytes = fs::read(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::NotFound(id.to_owned()),
            _ => Failure::file(&file)(error),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| Failure::file(file)(error.into()))
    }

    /// Written beside and renamed: a reader sees all of it or nothing. Not synced: it is about processes, which do not
    /// outlive the machine either.
    pub(crate) fn save(&self, dir: &Path) -> Outcome<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Failure::file(FILE)(error.into()))?;
        replace(&dir.join(FILE), &bytes)
    }

    /// As it is now.
    pub(crate) fn status(&self, dir: &Path) -> Status {
        let Some(process) = self.process else {
            return if self.creator.is_alive() { Status::Creating } else { Status::Stopped };
        };
        if !process.is_alive() {
            Status::Stopped
        } else if gate(dir).exists() && self.waits(process) {
            Status::Created
        } else if self.cgroup().is_ok_and(|cgroup| cgroup.is_frozen().unwrap_or(false)) {
            Status::Paused
        } else {
            Status::Running
        }
    }

    /// The gate alone may tell of yesterday: a `start` that was killed has opened it and left it there.
    fn waits(&self, process: ProcessId) -> bool {
        let now = FileId::of(format!("/proc/{}/exe", process.pid)).ok();
        now.is_none() || self.waits_as.is_none() || now == self.waits_as
    }

    pub(crate) fn cgroup(&self) -> Outcome<runtime::cgroup::Cgroup> {
        Ok(runtime::cgroup::detect()?.cgroup(&self.cgroup)?)
    }

    pub(crate) fn show(self, dir: &Path) -> Shown {
        let status = self.status(dir);
        let owner = fs::metadata(dir).map_or(0, |metadata| metadata.uid());
        Shown {
            oci_version: SPEC_VERSION,
            pid: self.process.filter(|_| status.is_alive()).map_or(0, |process| process.pid),
            id: self.id,
            status: status.name(),
            bundle: self.bundle,
            rootfs: self.rootfs,
            created: self.created,
            annotations: self.annotations,
            owner: if owner == 0 { "root".to_owned() } else { owner.to_string() },
        }
    }
}

impl ProcessId {
    /// # Errors
    /// If there is no such process, or only its remains.
    pub(crate) fn of(pid: i32) -> io::Result<ProcessId> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let started = started(&text).ok_or(io::ErrorKind::NotFound)?;
        Ok(ProcessId { pid, started })
    }

    pub(crate) fn is_alive(self) -> bool {
        ProcessId::of(self.pid).is_ok_and(|now| now == self)
    }
}

/// From the text of proc_pid_stat(5), for a process that is no zombie. Pure.
fn started(stat: &str) -> Option<u64> {
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The socket behind which a created container waits.
pub(crate) fn gate(dir: &Path) -> PathBuf {
    dir.join("gate.sock")
}

/// Writes a file so that a reader sees all of it, or what was there before.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
    fault::point("write beside a file");
    let written = fs::write(&new, bytes);
    fault::point("put a file in its place");
    written.and_then(|()| fs::rename(&new, path)).map_err(|error| {
        // What is left of it is of use to nobody.
        let _ = fs::remove_file(&new);
        Failure::file(path)(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_start_and_a_zombie_is_none() {
        let numbers = (0..30).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(started(&format!("7 (a) b) S {numbers}")), Some(18));
        assert_eq!(started(&format!("7 (a) b) Z {numbers}")), None);
        assert_eq!(started(""), None);
        let own = ProcessId::of(std::process::id() as i32).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { started: own.started + 1, ..own }.is_alive());
    }
}
