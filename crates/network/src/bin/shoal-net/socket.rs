//! Sockets on the host's side (held) and on the containers' side (towards a backend).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use network::Protocol;
use network::hold::{HoldKey, Refusal};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, connect, listen,
    setsockopt, socket, sockopt,
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// A port of the host that is ours.
pub(crate) enum Held {
    /// Bound and nothing more: nobody else gets it.
    Bound(#[expect(dead_code, reason = "it is held by being open")] OwnedFd),
    /// This kernel has no such transport, so nobody else can take the port either.
    Absent,
    /// What arrives is proxied.
    Tcp(TcpListener),
    /// What arrives is proxied.
    Udp(UdpSocket),
}

/// Takes a port of the host.
pub(crate) fn hold(key: &HoldKey, proxy: bool) -> Result<Held, Refusal> {
    open(key, proxy).map_err(|errno| match errno {
        Errno::EADDRINUSE => Refusal::InUse,
        Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT => Refusal::NoSuchAddress,
        errno => Refusal::Other(errno.desc().to_lowercase()),
    })
}

fn open(key: &HoldKey, proxy: bool) -> nix::Result<Held> {
    let address = key.address();
    let family = family_of(&address);
    let (kind, number) = match key.protocol {
        Protocol::Tcp => (SockType::Stream, None),
        Protocol::Udp => (SockType::Datagram, None),
        Protocol::Sctp => (SockType::Stream, Some(SockProtocol::Sctp)),
    };
    let fd = match socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, number) {
        Err(Errno::EPROTONOSUPPORT) if key.protocol == Protocol::Sctp => return Ok(Held::Absent),
        other => other?,
    };
    if address.is_ipv6() {
        // The same port of IPv4 is held, or not, in its own right.
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    if proxy && key.protocol == Protocol::Tcp {
        // Connections that ended a moment ago do not keep the port. Once we listen, nobody else gets it by this.
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    if !proxy {
        // Nobody reads what the rules let slip: the kernel keeps as little of it as it can, and drops the rest.
        setsockopt(&fd, sockopt::RcvBuf, &0)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    match (key.protocol, proxy) {
        (_, false) | (Protocol::Sctp, true) => Ok(Held::Bound(fd)),
        (Protocol::Tcp, true) => {
            // Those that are accepted inherit it: what we pass on is whole already.
            setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
            listen(&fd, Backlog::new(BACKLOG)?)?;
            Ok(Held::Tcp(TcpListener::from(fd)))
        }
        (Protocol::Udp, true) => Ok(Held::Udp(UdpSocket::from(fd))),
    }
}

/// Begins a connection to a container; what is written to it before it stands waits.
pub(crate) fn connect_tcp(backend: (IpAddr, u16)) -> io::Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let address = SocketAddr::from(backend);
    let fd = socket(family_of(&address), SockType::Stream, flags, None)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(fd)),
        Err(errno) => Err(errno.into()),
    }
}

/// A socket for one client's datagrams to a container.
pub(crate) fn connect_udp(backend: (IpAddr, u16)) -> io::Result<UdpSocket> {
    let any: IpAddr =
        if backend.0.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(backend)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn family_of(address: &SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
