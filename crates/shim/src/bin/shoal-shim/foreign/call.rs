//! One call of an OCI runtime's command line: bounded in time, its refusal in its own words.

use std::fs;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ::shim::ForeignRuntime;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Deserialize;

use super::console::Console;
use crate::Failure;

/// How long a runtime may take for a verb.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// Where it finds its own helpers; the shim's environment is empty.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What it has to say, in the shim's directory: its standard error is the container's.
const LOG_FILE: &str = "runtime.log";
/// Of what it says, more is not read.
const MAX_LOG_BYTES: usize = 64 * 1024;
/// With this runc begins what Docker's clients know without it.
const NOISE: [&str; 6] = [
    "runc create failed: ",
    "runc start failed: ",
    "runc exec failed: ",
    "exec failed: ",
    "unable to start container process: ",
    "error during container init: ",
];

/// How to call the runtime for one container.
#[derive(Debug)]
pub(super) struct Call {
    runtime: ForeignRuntime,
    dir: PathBuf,
    state: PathBuf,
    systemd_cgroup: bool,
}

impl Call {
    pub(super) fn new(runtime: ForeignRuntime, dir: &Path, state: &str, systemd_cgroup: bool) -> Call {
        Call { runtime, dir: dir.to_owned(), state: dir.join(state), systemd_cgroup }
    }

    /// Calls it and waits for its end. `streams` go to the container; a terminal comes through `console`.
    pub(super) fn run(
        &self,
        arguments: &[&str],
        streams: Option<[OwnedFd; 3]>,
        console: Option<&Console>,
    ) -> Result<(), Failure> {
        let log = self.dir.join(LOG_FILE);
        let pid = self.spawn(&log, arguments, streams)?;
        match wait(pid, console) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.refusal(&log)),
            Err(error) => Err(refused(
                format!("{} {}: {error}", self.runtime.path.display(), arguments[0]),
                runtime::EXIT_FAILED,
            )),
        }
    }

    /// Calls it. Whoever reaps it learns from [`Call::refusal`] with the same `log` why it did not do what it was to.
    pub(super) fn spawn(
        &self,
        log: &Path,
        arguments: &[&str],
        streams: Option<[OwnedFd; 3]>,
    ) -> Result<Pid, Failure> {
        // Only what this call says is its refusal.
        let _ = fs::remove_file(log);
        let mut command = Command::new(&self.runtime.path);
        command
            .args(["--root".as_ref(), self.state.as_os_str(), "--log".as_ref(), log.as_os_str()])
            .args(["--log-format", "json"])
            .args(self.systemd_cgroup.then_some("--systemd-cgroup"))
            .args(&self.runtime.args)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH);
        match streams {
            Some([stdin, stdout, stderr]) => command.stdin(stdin).stdout(stdout).stderr(stderr),
            None => command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()),
        };
        let child = command.spawn().map_err(|error| {
            refused(format!("fork/exec {}: {error}", self.runtime.path.display()), runtime::EXIT_FAILED)
        })?;
        Ok(Pid::from_raw(child.id() as i32))
    }

    /// Why a call failed, by the last error it has written.
    pub(super) fn refusal(&self, log: &Path) -> Failure {
        let message = last_error(log).unwrap_or_else(|| format!("{} failed", self.runtime.path.display()));
        let exit_code = exit_code(&message);
        refused(message, exit_code)
    }
}

fn last_error(log: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Entry {
        level: String,
        msg: String,
    }
    let bytes = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(MAX_LOG_BYTES)..]);
    let entries = text.lines().rev().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let mut errors = entries.filter(|entry| entry.level == "error" || entry.level == "fatal");
    errors.next().map(|entry| words(&entry.msg))
}

pub(super) fn refused(message: String, exit_code: i32) -> Failure {
    Failure::Foreign { message, exit_code }
}

/// The message in runc's words, which Docker's clients look for to tell why a program cannot run.
fn words(mut message: &str) -> String {
    while let Some(rest) = NOISE.iter().find_map(|noise| message.strip_prefix(noise)) {
        message = rest;
    }
    let crun = message.strip_prefix("executable file `").and_then(|rest| rest.split_once('`'));
    match crun {
        Some((program, rest)) if rest.starts_with(" not found in $PATH") => {
            format!("exec: \"{program}\": executable file not found in $PATH")
        }
        _ => message.replace(": Permission denied", ": permission denied"),
    }
}

/// Docker reads the exit code from the words.
fn exit_code(message: &str) -> i32 {
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    if says(&[
        "executable file not found",
        "executable file `",
        "no such file or directory",
        "system cannot find",
    ]) {
        runtime::EXIT_NOT_FOUND
    } else if says(&["permission denied", "not a directory", "is a directory"]) {
        runtime::EXIT_NOT_EXECUTABLE
    } else {
        runtime::EXIT_FAILED
    }
}

/// Waits for the end of a child, taking the terminal that comes meanwhile. Whether it succeeded.
fn wait(pid: Pid, console: Option<&Console>) -> io::Result<bool> {
    // SAFETY: a number and no flags; the child is ours and not reaped, so that the number is its own.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the call has just made it, for nobody else.
    let end = unsafe { OwnedFd::from_raw_fd(fd) };
    let deadline = Instant::now() + LIMIT;
    loop {
        let mut fds = vec![PollFd::new(end.as_fd(), PollFlags::POLLIN)];
        if let Some(waiting) = console.and_then(Console::waiting) {
            fds.push(PollFd::new(waiting, PollFlags::POLLIN));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let ready = poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)).unwrap_or(0);
        let is_ready = |at: usize| fds.get(at).and_then(PollFd::any).unwrap_or(false);
        let (ended, called) = (is_ready(0), is_ready(1));
        if called && let Some(console) = console {
            console.receive()?;
        }
        if ended {
            return Ok(matches!(waitpid(pid, None), Ok(WaitStatus::Exited(_, 0))));
        }
        if ready == 0 && left.is_zero() {
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_dockers() {
        let runc = "runc create failed: unable to start container process: exec: \"x\": executable file not found in $PATH";
        let crun = "executable file `x` not found in $PATH: No such file or directory";
        for message in [runc, crun] {
            assert_eq!(words(message), "exec: \"x\": executable file not found in $PATH");
        }
        assert_eq!(words("open executable: Permission denied"), "open executable: permission denied");
        for (message, code) in [
            (runc, 127),
            (crun, 127),
            ("exec: \"/x\": permission denied", 126),
            ("cgroups in hybrid mode not supported", 128),
        ] {
            assert_eq!(exit_code(message), code, "{message}");
        }
    }
}
