//! Connecting from inside a container's network namespace, without a process there.
//!
//! A socket belongs for ever to the namespace it was made in: the caller visits it for that moment only.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};

use crate::spawn::check_single_thread;
use crate::{Error, Result};

/// Begins to connect to `address` as a process of the container whose first process is `init` would. The socket does not
/// block; it is writable once it is connected or has failed.
///
/// # Errors
/// If the container has ended, or the connection is refused at once.
pub fn dial(init: i32, address: SocketAddr) -> Result<OwnedFd> {
    check_single_thread()?;
    let failed = |action| move |error: Errno| Error::host(action)(error.into());
    let path = format!("/proc/{init}/ns/net");
    let theirs = File::open(&path).map_err(Error::path("open", path))?;
    let home = File::open("/proc/self/ns/net").map_err(Error::path("open", "/proc/self/ns/net"))?;
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    setns(theirs.as_fd(), CloneFlags::CLONE_NEWNET).map_err(failed("visit the container's network"))?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let made = socket(family, SockType::Stream, flags, None);
    setns(home.as_fd(), CloneFlags::CLONE_NEWNET).map_err(failed("return from the container's network"))?;
    let made = made.map_err(failed("make a socket"))?;
    match connect(made.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(made),
        Err(error) => Err(failed("connect")(error)),
    }
}
