//! Reaching a log server without waiting for it longer than told.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use ::shim::Peer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr, connect, getsockopt, socket,
    sockopt,
};

/// Where this machine's syslog server may listen, in Docker's order.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// A socket to a server; sends never wait.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// Bytes in a row rather than messages.
    pub(super) stream: bool,
}

/// Begins to connect; a write waits for its end.
pub(super) fn dial(peer: &Peer) -> io::Result<Socket> {
    match peer {
        Peer::Local => local(),
        Peer::Udp(address) => internet(address, SockType::Datagram),
        Peer::Tcp(address) => internet(address, SockType::Stream),
        Peer::Unix(path) => unix(path, SockType::Stream),
        Peer::Unixgram(path) => unix(path, SockType::Datagram),
    }
}

/// A datagram socket to a path.
pub(super) fn unixgram(path: &Path) -> io::Result<Socket> {
    unix(path, SockType::Datagram)
}

impl Socket {
    /// Waits until the connection is made, but not longer.
    pub(super) fn connected(self, limit: Duration) -> io::Result<Socket> {
        if self.wait(limit)? {
            let failed = getsockopt(&self.fd, sockopt::SocketError)?;
            return if failed == 0 { Ok(self) } else { Err(io::Error::from_raw_os_error(failed)) };
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Whether it can be written to within the time.
    pub(super) fn wait(&self, limit: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)];
        Ok(poll(&mut fds, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX))? > 0)
    }
}

fn local() -> io::Result<Socket> {
    for kind in [SockType::Datagram, SockType::Stream] {
        for path in LOCAL {
            if let Ok(socket) = unix(Path::new(path), kind) {
                return Ok(socket);
            }
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "Unix syslog delivery error: there is no local syslog server",
    ))
}

fn unix(path: &Path, kind: SockType) -> io::Result<Socket> {
    begin(AddressFamily::Unix, kind, &UnixAddr::new(path)?)
}

fn internet(address: &str, kind: SockType) -> io::Result<Socket> {
    let address: SocketAddr =
        address.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not an address"))?;
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    begin(family, kind, &SockaddrStorage::from(address))
}

fn begin(family: AddressFamily, kind: SockType, address: &dyn SockaddrLike) -> io::Result<Socket> {
    let fd = socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)?;
    match connect(fd.as_raw_fd(), address) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(Socket { fd, stream: kind == SockType::Stream }),
        Err(error) => Err(error.into()),
    }
}
