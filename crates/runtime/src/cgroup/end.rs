//! Killing what is in a cgroup, and removing it.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Cgroup, Member, Version, put};
use crate::{Error, Result};

/// A container may make cgroups of its own below its own; deeper than this they are left to the error message.
pub(super) const MAX_DEPTH: usize = 16;
/// Rounds of killing or removing before giving up, and the pause between them: half a second at most.
const ROUNDS: u32 = 250;
const PAUSE: Duration = Duration::from_millis(2);

impl Cgroup {
    /// Kills every process in it and below, and waits until they are gone. Blocks for half a second at most.
    ///
    /// # Errors
    /// If processes are left, for example in an uninterruptible sleep.
    pub fn kill(&self) -> Result<()> {
        for round in 0..ROUNDS {
            let processes = self.processes()?;
            if processes.is_empty() {
                return Ok(());
            }
            if round > 0 {
                thread::sleep(PAUSE);
            }
            self.kill_once(&processes);
        }
        Err(self.busy("kill the processes of", libc::EBUSY))
    }

    /// Removes it and everything below. What does not exist is no error. Blocks for half a second at most.
    ///
    /// # Errors
    /// If it is still in use.
    pub fn remove(&self) -> Result<()> {
        let mut last = libc::EBUSY;
        for round in 0..ROUNDS {
            if round > 0 {
                thread::sleep(PAUSE);
            }
            let mut left = false;
            for dir in self.dirs() {
                if let Err(error) = remove_tree(dir, MAX_DEPTH) {
                    last = error.raw_os_error().unwrap_or(libc::EIO);
                    left = true;
                }
            }
            if !left {
                return Ok(());
            }
            // A process that is on its way out still counts; anything else will not go away by waiting.
            if last != libc::EBUSY {
                break;
            }
        }
        Err(self.busy("remove", last))
    }

    fn kill_once(&self, processes: &[i32]) {
        if let (Version::V2, Some(member)) = (self.version, self.members.first())
            && put(&member.dir.join("cgroup.kill"), "1").is_ok()
        {
            return;
        }
        // Frozen processes cannot fork while they are being counted; they die when thawed.
        let freezer = self.members.iter().find(|member| member.has("freezer"));
        set_freezer(freezer, "FROZEN");
        for process in processes {
            // Gone already is what was wanted; anything else shows in the next round.
            let _ = kill(Pid::from_raw(*process), Signal::SIGKILL);
        }
        set_freezer(freezer, "THAWED");
    }

    fn busy(&self, action: &'static str, errno: i32) -> Error {
        let dir = self.dirs().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
        Error::path(action, dir)(io::Error::from_raw_os_error(errno))
    }
}

fn set_freezer(freezer: Option<&Member>, state: &str) {
    if let Some(member) = freezer {
        // Without it a fork may slip through a round, and is caught in the next.
        let _ = put(&member.dir.join("freezer.state"), state);
    }
}

/// Adds the processes of `dir` and of what is below.
pub(super) fn collect_processes(dir: &Path, depth: usize, processes: &mut Vec<i32>) -> Result<()> {
    let file = dir.join("cgroup.procs");
    match fs::read_to_string(&file) {
        Ok(text) => processes.extend(text.lines().filter_map(|line| line.parse::<i32>().ok())),
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(Error::path("read", file)(error)),
    }
    if depth > 0 {
        for child in children(dir) {
            collect_processes(&child, depth - 1, processes)?;
        }
    }
    Ok(())
}

fn remove_tree(dir: &Path, depth: usize) -> io::Result<()> {
    let mut answer = fs::remove_dir(dir);
    if depth > 0 && answer.as_ref().is_err_and(|error| !is_gone(error)) {
        for child in children(dir) {
            remove_tree(&child, depth - 1)?;
        }
        answer = fs::remove_dir(dir);
    }
    match answer {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

fn children(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())).map(|entry| entry.path()).collect()
}

/// Removed, also while it was being read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}
