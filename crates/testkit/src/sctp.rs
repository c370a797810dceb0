//! Sockets of SCTP, each for one association: they listen, read and write as those of TCP do, so that is what they are
//! given out as.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, connect as begin,
    listen as wait, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::eventually::step;

/// Associations that wait to be accepted.
const BACKLOG: i32 = 8;

/// Waits for associations at `address`.
///
/// # Errors
/// When the kernel has no SCTP (`EPROTONOSUPPORT`), or the port is not to be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let fd = open(&address)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    wait(&fd, Backlog::new(BACKLOG)?)?;
    Ok(TcpListener::from(fd))
}

/// Makes an association with `address`. The kernel sends again what got lost, so there is no need to try twice.
///
/// # Errors
/// When nobody answers in time.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let fd = open(&address)?;
    let patience = TimeVal::seconds(step().as_secs().cast_signed());
    setsockopt(&fd, sockopt::SendTimeout, &patience)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &patience)?;
    begin(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(TcpStream::from(fd))
}

fn open(address: &SocketAddr) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, SockProtocol::Sctp)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    Ok(fd)
}
