//! The system calls that neither `std` nor nix has, as safe functions.
//!
//! All `unsafe` of this room is below here, but for the clone itself.

pub(crate) mod bpf;
pub(crate) mod mount;
pub(crate) mod open;
pub(crate) mod pidfd;
pub(crate) mod process;
pub(crate) mod schedule;
pub(crate) mod tty;

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{c_int, c_long};

/// The answer of a raw system call.
pub(crate) fn check(answer: c_long) -> io::Result<c_long> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// The answer of a raw system call that makes a file descriptor.
fn check_fd(answer: c_long) -> io::Result<OwnedFd> {
    let fd = check(answer)? as c_int;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A path for the kernel.
///
/// # Errors
/// If it holds a NUL byte.
pub(crate) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from)
}
