//! One hook as a process: its input, its time, its end.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::Hook;
use crate::sys::pidfd;
use crate::{Error, Result};

/// So much of what a hook has said becomes part of the error.
const MAX_WORDS_BYTES: u64 = 1024;

/// Runs it to its end with `state` as its input.
pub(super) fn run(hook: &Hook, state: &[u8]) -> Result<()> {
    let failed = |why: String| Error::Hook { path: hook.path.clone(), why };
    let told = || -> io::Result<(ExitStatus, String)> {
        // Files in memory and not pipes: neither side can block the other.
        let mut words = File::from(memfd_create("hook", MFdFlags::MFD_CLOEXEC)?);
        let mut child = spawn(hook, state, &words)?;
        let status = wait(&mut child, hook.timeout)?;
        words.rewind()?;
        let mut text = Vec::new();
        words.take(MAX_WORDS_BYTES).read_to_end(&mut text)?;
        Ok((status, String::from_utf8_lossy(&text).trim().to_owned()))
    };
    let (status, words) = told().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(format!("{status}: {words}"))) }
}

fn spawn(hook: &Hook, state: &[u8], words: &File) -> io::Result<Child> {
    let mut input = File::from(memfd_create("state", MFdFlags::MFD_CLOEXEC)?);
    input.write_all(state)?;
    input.rewind()?;
    let mut command = Command::new(&hook.path);
    if let Some((name, args)) = hook.args.split_first() {
        command.arg0(name).args(args);
    }
    command
        .env_clear()
        .envs(hook.env.iter().map(|(key, value)| (key, value)))
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(words.try_clone()?)
        .spawn()
}

/// Waits, but no longer than `timeout`: then it is killed.
fn wait(child: &mut Child, timeout: Option<Duration>) -> io::Result<ExitStatus> {
    let Some(timeout) = timeout else {
        return child.wait();
    };
    // Not reaped yet, so that the number is still its own.
    let process = pidfd::open(child.id() as i32)?;
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut ends = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ends, left) {
            Ok(0) if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                let words = format!("it took longer than {} s and was killed", timeout.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return child.wait(),
            Err(error) => return Err(error.into()),
        }
    }
}
