//! A process by descriptor: its number cannot come to mean another one, and its namespaces are joined at once.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{check, check_fd};

/// Opens the process `pid`.
pub(crate) fn open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: numbers only.
    check_fd(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// Whether the process has ended, reaped or not.
pub(crate) fn has_ended(process: BorrowedFd<'_>) -> io::Result<bool> {
    ends_within(process, 0)
}

/// Whether the process has ended, or does within that many milliseconds.
pub(crate) fn ends_within(process: BorrowedFd<'_>, limit_ms: u16) -> io::Result<bool> {
    let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::from(limit_ms))? > 0)
}

/// Moves this process, which has one thread, into the process' namespaces of these kinds (`CLONE_NEW*`), all or none.
pub(crate) fn join(process: BorrowedFd<'_>, namespaces: libc::c_int) -> io::Result<()> {
    // SAFETY: numbers only.
    check(unsafe { libc::setns(process.as_raw_fd(), namespaces) }.into()).map(drop)
}

/// Sends a signal, of real time too.
pub(crate) fn send_signal(process: BorrowedFd<'_>, signal: libc::c_int) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without information there is no pointer to be read.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, no_info, 0) })?;
    Ok(())
}
