//! The built-in init (`--init`): first process of the container, parent of the program.
//!
//! It passes signals on, collects orphans, and ends as the program did. It stays a copy of the small caller.

use std::convert::Infallible;
use std::ffi::CString;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, execvp, setpgid, tcsetpgrp};

use super::channel::Channel;
use super::exec::{self, Program};
use crate::error::{EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
use crate::sys::process::{Side, exit_now, fork};
use crate::{Error, Result};

/// Runs the program as a child. Returns only an error, in the child or before there is one.
pub(super) fn run(program: &Program, channel: &Channel) -> Result<Infallible> {
    // Blocked before the fork, so that no end of a child and no signal is missed.
    let signals = SigSet::all();
    signals.thread_block().map_err(failed)?;
    // What a look at the processes from inside shows, before anybody looks; it matters to nobody if it cannot be set.
    let _ = nix::sys::prctl::set_name(c"shoal-init");
    // SAFETY: the clone has one thread, and makes no others.
    match unsafe { fork() }.map_err(Error::host("fork the built-in init"))? {
        Side::Child => {
            // A group of its own, in the foreground of a terminal, so that it is not us who gets its signals twice.
            setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(failed)?;
            let _ = tcsetpgrp(std::io::stdin().as_fd(), Pid::this());
            SigSet::empty().thread_set_mask().map_err(failed)?;
            exec::exec(program)
        }
        Side::Parent(child) => {
            // The other end now closes when the program runs.
            let _ = nix::unistd::close(channel.as_fd().as_raw_fd());
            close_streams();
            exit_now(supervise(Pid::from_raw(child), &signals))
        }
    }
}

/// The same for a caller that is a program by itself, the first process of a container: runs the program that `arguments` name
/// and gives its exit code, or that of a program that cannot be run.
pub fn init_of(arguments: &[CString]) -> i32 {
    let Some(name) = arguments.first() else { return EXIT_NOT_FOUND };
    let signals = SigSet::all();
    let _ = signals.thread_block();
    let _ = nix::sys::prctl::set_name(c"shoal-init");
    // SAFETY: the caller has one thread.
    match unsafe { fork() } {
        Ok(Side::Child) => {
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            let _ = tcsetpgrp(std::io::stdin().as_fd(), Pid::this());
            // SAFETY: the default installs no function. The language ignores this one in all its programs.
            let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
            let _ = SigSet::empty().thread_set_mask();
            let Err(error) = execvp(name, arguments);
            let _ = writeln!(std::io::stderr(), "exec {}: {}", name.to_string_lossy(), error.desc());
            exit_now(if error == Errno::ENOENT { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE })
        }
        Ok(Side::Parent(child)) => {
            close_streams();
            supervise(Pid::from_raw(child), &signals)
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "fork: {error}");
            EXIT_FAILED
        }
    }
}

/// Held open here, a stream would never end for who reads it.
fn close_streams() {
    for stream in 0..=2 {
        let _ = nix::unistd::close(stream);
    }
}

fn supervise(child: Pid, signals: &SigSet) -> i32 {
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(child) {
                    return code;
                }
            }
            // Job control of the terminal is the program's.
            Ok(Signal::SIGTTIN | Signal::SIGTTOU) | Err(_) => {}
            Ok(signal) => {
                let _ = kill(child, signal);
            }
        }
    }
}

/// Collects all that have ended; the exit code if the program is among them.
fn reap(child: Pid) -> Option<i32> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                code = Some(128 + signal as i32);
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return code,
            Ok(_) | Err(_) => {}
        }
    }
}

fn failed(error: Errno) -> Error {
    Error::host("begin the built-in init")(error.into())
}
