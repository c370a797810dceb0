//! A netlink socket: frames out, frames in.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER_LEN: usize = 16;
/// The kernel fills at most this much of a dump into one datagram.
const RECEIVE_LEN: usize = 32 * 1024;
/// Answers are queued before `sendto` returns; one that does not come in this time never will.
const ANSWER_TIMEOUT_S: i64 = 10;
/// A thousand endpoints in one transaction take about 100 KiB.
const SEND_BUFFER_LEN: usize = 4 * 1024 * 1024;

/// One message of a datagram.
pub(crate) struct Frame<'a> {
    /// The message's type.
    pub(crate) kind: u16,
    /// The sequence number of the request it answers.
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// A netlink socket bound to the network namespace of the thread that opened it.
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket in this thread's network namespace.
    pub(crate) fn open(protocol: SockProtocol) -> io::Result<Socket> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(ANSWER_TIMEOUT_S, 0))?;
        // Without the right to exceed the limit the default stays, which serves all but the largest transactions.
        let _ = setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER_LEN);
        Ok(Socket { fd, sequence: 0, buffer: Vec::new() })
    }

    /// Opens a socket that hears what the kernel tells these groups.
    pub(crate) fn subscribe(protocol: SockProtocol, groups: u32) -> io::Result<Socket> {
        let socket = Socket::open(protocol)?;
        bind(socket.fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(socket)
    }

    /// A number no outstanding request of this socket has.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends whole frames; the kernel has processed them when this returns.
    pub(crate) fn send(&self, frames: &[u8]) -> io::Result<()> {
        let kernel = NetlinkAddr::new(0, 0);
        fault::point("network: netlink request");
        let sent = sendto(self.fd.as_raw_fd(), frames, &kernel, MsgFlags::empty())?;
        if sent == frames.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Waits for a datagram and shows each of its frames to `each`, until that answers true for one. False is the
    /// answer if none was the last.
    pub(crate) fn receive(&mut self, each: impl FnMut(Frame<'_>) -> bool) -> io::Result<bool> {
        self.receive_with(MsgFlags::empty(), each).map(|last| last.unwrap_or(false))
    }

    /// As [`Socket::receive`], but answers `None` at once if nothing is queued.
    pub(crate) fn receive_queued(&mut self, each: impl FnMut(Frame<'_>) -> bool) -> io::Result<Option<bool>> {
        self.receive_with(MsgFlags::MSG_DONTWAIT, each)
    }

    fn receive_with(
        &mut self,
        flags: MsgFlags,
        mut each: impl FnMut(Frame<'_>) -> bool,
    ) -> io::Result<Option<bool>> {
        self.buffer.resize(RECEIVE_LEN, 0);
        let len = loop {
            match recv(self.fd.as_raw_fd(), &mut self.buffer, flags) {
                Ok(len) => break len,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if flags.contains(MsgFlags::MSG_DONTWAIT) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        };
        let mut last = false;
        for frame in Frames(&self.buffer[..len]) {
            last |= each(frame);
        }
        Ok(Some(last))
    }
}

struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let header = self.0.get(..HEADER_LEN)?;
        let len = u32::from_ne_bytes(header[0..4].try_into().ok()?) as usize;
        let frame = Frame {
            kind: u16::from_ne_bytes(header[4..6].try_into().ok()?),
            sequence: u32::from_ne_bytes(header[8..12].try_into().ok()?),
            payload: self.0.get(HEADER_LEN..len)?,
        };
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(frame)
    }
}

impl Frame<'_> {
    /// The result an error or acknowledgement frame carries; `None` for other frames.
    pub(crate) fn result(&self) -> Option<io::Result<()>> {
        if i32::from(self.kind) != nix::libc::NLMSG_ERROR {
            return None;
        }
        let code = self.payload.get(..4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
        Some(if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) })
    }

    /// Whether a dump ends here.
    pub(crate) fn is_done(&self) -> bool {
        i32::from(self.kind) == nix::libc::NLMSG_DONE
    }
}

/// Appends a frame whose payload `fill` writes.
pub(crate) fn push_frame(
    frames: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = frames.len();
    frames.extend_from_slice(&[0; HEADER_LEN]);
    fill(frames);
    let len = (frames.len() - start) as u32;
    frames[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    frames[start + 4..start + 6].copy_from_slice(&kind.to_ne_bytes());
    frames[start + 6..start + 8].copy_from_slice(&flags.to_ne_bytes());
    frames[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
    frames.resize(start + (len as usize).next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_written_and_a_torn_one_ends_the_walk() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, 7, 1, 42, |payload| payload.extend_from_slice(b"abcde"));
        push_frame(&mut bytes, 8, 0, 43, |_| {});
        let seen: Vec<_> =
            Frames(&bytes).map(|frame| (frame.kind, frame.sequence, frame.payload.len())).collect();
        assert_eq!(seen, [(7, 42, 5), (8, 43, 0)]);
        assert_eq!(Frames(&bytes[..18]).count(), 0);
    }
}
