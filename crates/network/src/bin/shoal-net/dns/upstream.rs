//! The socket of one question on its way to one server.
//!
//! Each has a port of its own, which the kernel chooses at random, and hears nobody but its server: somebody else
//! would have to guess the port and the question's number.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use network::dns::{PORT, Transport};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};

const LENGTH_LEN: usize = 2;

/// A socket towards a server.
pub(crate) enum Upstream {
    /// The question is sent.
    Datagram(UdpSocket),
    /// The question is sent as soon as the connection stands.
    Stream {
        socket: TcpStream,
        /// What is still to be written.
        pending: Vec<u8>,
        received: Vec<u8>,
    },
}

impl Upstream {
    /// Asks a server, from the network namespace this thread is in.
    pub(crate) fn open(server: IpAddr, transport: Transport, message: &[u8]) -> io::Result<Upstream> {
        let server = SocketAddr::new(server, PORT);
        match transport {
            Transport::Datagram => {
                let any: IpAddr = if server.is_ipv4() {
                    Ipv4Addr::UNSPECIFIED.into()
                } else {
                    Ipv6Addr::UNSPECIFIED.into()
                };
                let socket = UdpSocket::bind((any, 0))?;
                socket.set_nonblocking(true)?;
                socket.connect(server)?;
                socket.send(message)?;
                Ok(Upstream::Datagram(socket))
            }
            Transport::Stream => {
                let family = if server.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
                let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
                let fd = socket(family, SockType::Stream, flags, None)?;
                match connect(fd.as_raw_fd(), &SockaddrStorage::from(server)) {
                    Ok(()) | Err(Errno::EINPROGRESS) => {}
                    Err(errno) => return Err(errno.into()),
                }
                let len = u16::try_from(message.len()).map_err(|_| ErrorKind::InvalidInput)?;
                let pending = [&len.to_be_bytes()[..], message].concat();
                Ok(Upstream::Stream { socket: TcpStream::from(fd), pending, received: Vec::new() })
            }
        }
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Upstream::Datagram(socket) => socket.as_fd(),
            Upstream::Stream { socket, .. } => socket.as_fd(),
        }
    }

    /// What to be woken for first.
    pub(crate) fn interest(&self) -> EpollFlags {
        match self {
            Upstream::Datagram(_) => EpollFlags::EPOLLIN,
            Upstream::Stream { .. } => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
        }
    }

    /// The next message, if it has come whole. An error is the end of this socket.
    pub(crate) fn receive<'a>(
        &mut self,
        epoll: &Epoll,
        token: u64,
        scratch: &'a mut [u8],
    ) -> io::Result<Option<&'a [u8]>> {
        match self {
            Upstream::Datagram(socket) => match socket.recv(scratch) {
                Ok(len) => Ok(Some(&scratch[..len])),
                Err(error) if is_transient(&error) => Ok(None),
                Err(error) => Err(error),
            },
            Upstream::Stream { socket, pending, received } => {
                if !pending.is_empty() {
                    match socket.write(pending) {
                        Ok(len) => drop(pending.drain(..len)),
                        Err(error) if is_transient(&error) => return Ok(None),
                        Err(error) => return Err(error),
                    }
                    if pending.is_empty() {
                        epoll.modify(&*socket, &mut EpollEvent::new(EpollFlags::EPOLLIN, token))?;
                    }
                }
                read_message(socket, received, scratch)
            }
        }
    }
}

/// Reads on until the one message a question is answered by is whole.
fn read_message<'a>(
    socket: &mut TcpStream,
    received: &mut Vec<u8>,
    scratch: &'a mut [u8],
) -> io::Result<Option<&'a [u8]>> {
    loop {
        if let Some(len) = received.first_chunk::<LENGTH_LEN>()
            && let Some(message) =
                received.get(LENGTH_LEN..LENGTH_LEN + usize::from(u16::from_be_bytes(*len)))
        {
            let whole = scratch.get_mut(..message.len()).ok_or(ErrorKind::InvalidData)?;
            whole.copy_from_slice(message);
            return Ok(Some(whole));
        }
        match socket.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => received.extend_from_slice(&scratch[..len]),
            Err(error) if is_transient(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
