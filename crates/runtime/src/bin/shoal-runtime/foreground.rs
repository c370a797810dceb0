//! Standing in for a container that runs in the foreground: signals go to it, a terminal is passed through, its exit
//! code becomes ours.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, read, write};

use crate::failure::{Failure, Outcome};

const BUFFER_BYTES: usize = 16 * 1024;
/// Signals that are not for the container: they are about this process' own children and terminal, or mean its end.
const OWN: [Signal; 9] = [
    Signal::SIGCHLD,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGPIPE,
    Signal::SIGURG,
];

/// Signals as they come in, from before the container exists, so that none is lost.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    pub(crate) fn catch() -> Outcome<Signals> {
        let failed = |error: Errno| Failure::file("signals")(error.into());
        let mut set = SigSet::all();
        OWN.iter().filter(|own| **own != Signal::SIGCHLD).for_each(|own| set.remove(*own));
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None).map_err(failed)?;
        SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map(Signals)
            .map_err(failed)
    }
}

/// Stays with the process `pid`, a child, until it ends; gives its exit code, 128 + n for a signal.
pub(crate) fn stay(pid: i32, signals: &Signals, terminal: Option<&OwnedFd>) -> Outcome<u8> {
    let _raw = terminal.map(|_| Raw::enter());
    if let Some(terminal) = terminal {
        pass_size(terminal);
    }
    // Closed one after the other: a program may let go of its terminal long before it ends.
    let (mut output, mut input) = (terminal, terminal);
    let stdin = io::stdin();
    loop {
        let (signalled, has_output, has_input) = wait(signals, output, input.map(|_| stdin.as_fd()))?;
        if has_output {
            output = output.filter(|terminal| copy(terminal.as_fd(), io::stdout().as_fd()));
        }
        if has_input {
            input = input.filter(|terminal| copy(stdin.as_fd(), terminal.as_fd()));
        }
        if signalled && let Some(code) = handle_signals(pid, signals, terminal)? {
            terminal.into_iter().for_each(|terminal| drain(terminal.as_fd()));
            return Ok(code);
        }
    }
}

/// Waits until something is to be done: about signals, the program's output, our input.
fn wait(
    signals: &Signals,
    output: Option<&OwnedFd>,
    input: Option<BorrowedFd<'_>>,
) -> Outcome<(bool, bool, bool)> {
    let sources = [Some(signals.0.as_fd()), output.map(AsFd::as_fd), input];
    let mut fds: Vec<PollFd<'_>> =
        sources.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(Failure::file("poll")(error.into())),
    }
    let mut ready = fds.iter().map(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
    let [signalled, has_output, has_input] =
        sources.map(|source| source.is_some() && ready.next() == Some(true));
    Ok((signalled, has_output, has_input))
}

/// Gives the exit code if the process has ended.
fn handle_signals(pid: i32, signals: &Signals, terminal: Option<&OwnedFd>) -> Outcome<Option<u8>> {
    while let Some(info) = signals.0.read_signal().map_err(|error| Failure::file("signals")(error.into()))? {
        match Signal::try_from(info.ssi_signo as i32) {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(pid) {
                    return Ok(Some(code));
                }
            }
            Ok(Signal::SIGWINCH) if terminal.is_some() => terminal.into_iter().for_each(pass_size),
            // It may be ending just now, which SIGCHLD will tell.
            Ok(signal) => drop(kill(Pid::from_raw(pid), signal)),
            Err(_) => {}
        }
    }
    Ok(None)
}

/// Takes the exit codes of all children that have ended: orphans of the container may have become ours.
fn reap(pid: i32) -> Option<u8> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(who, exit)) if who.as_raw() == pid => code = Some(exit as u8),
            Ok(WaitStatus::Signaled(who, signal, _)) if who.as_raw() == pid => {
                code = Some((128 + signal as i32) as u8);
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return code,
            Ok(_) => {}
        }
    }
}

/// Copies what is there; whether there may be more.
fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> bool {
    let mut buffer = [0; BUFFER_BYTES];
    let length = match read(from, &mut buffer) {
        Ok(0) => return false,
        Ok(length) => length,
        Err(error) => return matches!(error, Errno::EINTR | Errno::EAGAIN),
    };
    let mut rest = &buffer[..length];
    while !rest.is_empty() {
        match write(to, rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// What the terminal still holds after the program's end.
fn drain(terminal: BorrowedFd<'_>) {
    loop {
        let mut fds = [PollFd::new(terminal, PollFlags::POLLIN)];
        let is_ready = poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
            && fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN));
        if !is_ready || !copy(terminal, io::stdout().as_fd()) {
            return;
        }
    }
}

/// The container's terminal becomes as large as ours.
fn pass_size(terminal: &OwnedFd) {
    if let Some((rows, columns)) = runtime::console_size(io::stdin().as_fd()) {
        // A terminal without a size is still one.
        let _ = runtime::resize_console(terminal, rows, columns);
    }
}

/// Our terminal, which passes everything through and goes back to what it was when this is dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> Raw {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else {
            return Raw(None);
        };
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        Raw(tcsetattr(&stdin, SetArg::TCSANOW, &raw).is_ok().then_some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is nothing to be done for a terminal that has gone away.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}
