//! What is kept of a container between two calls of this program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The contents of `state.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) id: String,
    pub(crate) bundle: PathBuf,
    pub(crate) pid: i32,
    /// Tells the process from a later one with the same number.
    pub(crate) started_ticks: u64,
    pub(crate) cgroup: PathBuf,
}

/// The state as the OCI specification wants it shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown<'a> {
    oci_version: &'static str,
    id: &'a str,
    status: &'static str,
    pid: i32,
    bundle: &'a Path,
}

impl State {
    pub(crate) fn load(dir: &Path) -> io::Result<State> {
        let bytes = fs::read(dir.join("state.json"))?;
        serde_json::from_slice(&bytes).map_err(io::Error::from)
    }

    /// Written beside and renamed: a reader sees all of it or nothing.
    pub(crate) fn save(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join("state.json.new");
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, dir.join("state.json"))
    }

    pub(crate) fn is_alive(&self) -> bool {
        started_ticks(self.pid).is_ok_and(|ticks| ticks == self.started_ticks)
    }

    pub(crate) fn show(&self, dir: &Path) -> Shown<'_> {
        let alive = self.is_alive();
        let status = match (alive, gate(dir).exists()) {
            (true, true) => "created",
            (true, false) => "running",
            (false, _) => "stopped",
        };
        Shown {
            oci_version: "1.2.0",
            id: &self.id,
            status,
            pid: if alive { self.pid } else { 0 },
            bundle: &self.bundle,
        }
    }
}

/// The socket behind which a created container waits.
pub(crate) fn gate(dir: &Path) -> PathBuf {
    dir.join("gate.sock")
}

/// When a process that is no zombie has started, proc_pid_stat(5).
pub(crate) fn started_ticks(pid: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> =
        text.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace().collect()).unwrap_or_default();
    match (fields.first(), fields.get(19).and_then(|f| f.parse().ok())) {
        (Some(&state), Some(ticks)) if state != "Z" && state != "X" => Ok(ticks),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}
