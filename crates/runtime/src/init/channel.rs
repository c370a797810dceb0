//! The socket between a container's first process and whoever holds the gate.
//!
//! One packet per message. The container's end closes itself when the program runs: an end of file is success.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, accept4, recvmsg, send,
    sendmsg, socketpair,
};

use crate::{Error, Result};

const READY: u8 = b'r';
const CONSOLE: u8 = b'c';
const FAILED: u8 = b'f';
const START: u8 = b's';
const GONE: u8 = b'g';
const PID: u8 = b'p';
const MOUNTED: u8 = b'm';
const LISTENER: u8 = b'l';
/// An error message is cut here: it holds paths of an image.
const MAX_MESSAGE_BYTES: usize = 4096;

/// One end.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

/// What the container says of itself.
pub(super) enum Report {
    Failed {
        exit_code: i32,
        message: String,
    },
    /// The container that it was to join has ended.
    Gone,
}

/// What has been heard from the container.
#[derive(Debug)]
pub(crate) enum Heard {
    Ready,
    Console(OwnedFd),
    /// The number of the container's process, from whoever cloned it.
    Pid(i32),
    /// Through it system calls of the container are decided.
    Listener(OwnedFd),
    /// Everything is mounted; it waits for the hooks of this time.
    Mounted,
    Failed(Error),
    /// The other end is closed: the program runs, or the process is dead.
    Closed,
}

impl Channel {
    /// Two ends.
    pub(crate) fn pair() -> Result<(Channel, Channel)> {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(|error| Error::host("make a socket pair")(error.into()))?;
        Ok((Channel(a), Channel(b)))
    }

    /// An end that has been connected elsewhere.
    pub(crate) fn from_socket(socket: OwnedFd) -> Channel {
        Channel(socket)
    }

    /// Waits for the next message.
    pub(crate) fn hear(&self) -> Result<Heard> {
        let mut bytes = [0; MAX_MESSAGE_BYTES + 8];
        let mut control = nix::cmsg_space!([std::os::fd::RawFd; 1]);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let (length, console) = loop {
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            match recvmsg::<()>(self.0.as_raw_fd(), &mut slices, Some(&mut control), flags) {
                Ok(message) => {
                    let mut fds = message.cmsgs().into_iter().flatten().filter_map(|c| match c {
                        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
                        _ => None,
                    });
                    break (message.bytes, fds.next());
                }
                Err(Errno::EINTR) => {}
                // The process died with unread data.
                Err(Errno::ECONNRESET) => return Ok(Heard::Closed),
                Err(error) => {
                    return Err(Error::host("listen to the container")(error.into()));
                }
            }
        };
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
        let console = console.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        match (&bytes[..length], console) {
            ([], _) => Ok(Heard::Closed),
            ([CONSOLE, ..], Some(console)) => Ok(Heard::Console(console)),
            ([LISTENER, ..], Some(listener)) => Ok(Heard::Listener(listener)),
            ([READY, ..], _) => Ok(Heard::Ready),
            ([MOUNTED, ..], _) => Ok(Heard::Mounted),
            ([GONE, ..], _) => Ok(Heard::Failed(Error::NotRunning)),
            ([PID, a, b, c, d], _) => Ok(Heard::Pid(i32::from_le_bytes([*a, *b, *c, *d]))),
            ([FAILED, a, b, c, d, message @ ..], _) => Ok(Heard::Failed(Error::Init {
                exit_code: i32::from_le_bytes([*a, *b, *c, *d]),
                message: String::from_utf8_lossy(message).into_owned(),
            })),
            _ => Err(Error::InitDied),
        }
    }

    /// Opens the gate.
    pub(crate) fn start(&self) -> Result<()> {
        self.send(&[START])
    }

    /// Container: everything but the program is there.
    pub(super) fn ready(&self) -> Result<()> {
        self.send(&[READY])
    }

    /// Container: everything is mounted. Blocks until the caller has run its hooks.
    pub(super) fn mounted(&self) -> Result<()> {
        self.send(&[MOUNTED])?;
        self.wait_for_start()
    }

    /// Between caller and container: says which process the container is.
    pub(super) fn tell_pid(&self, pid: i32) -> Result<()> {
        let mut bytes = vec![PID];
        bytes.extend(pid.to_le_bytes());
        self.send(&bytes)
    }

    /// Container: hands over the host's side of its terminal.
    pub(super) fn send_console(&self, master: OwnedFd) -> Result<()> {
        self.send_with(CONSOLE, &master).map_err(Error::host("hand over the console"))
    }

    /// Container: hands over what its system calls are decided through.
    pub(super) fn send_listener(&self, listener: OwnedFd) -> Result<()> {
        self.send_with(LISTENER, &listener).map_err(Error::host("hand over the listener"))
    }

    fn send_with(&self, what: u8, fd: &OwnedFd) -> io::Result<()> {
        let fds = [fd.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&fds)];
        let slices = [IoSlice::new(std::slice::from_ref(&what))];
        sendmsg::<()>(self.0.as_raw_fd(), &slices, &control, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }

    /// Container: says so, as well as it can: nobody may be listening any more.
    pub(super) fn report(&self, report: &Report) {
        let mut bytes = Vec::new();
        match report {
            Report::Gone => bytes.push(GONE),
            Report::Failed { exit_code, message } => {
                let message = message.as_bytes();
                bytes.push(FAILED);
                bytes.extend(exit_code.to_le_bytes());
                bytes.extend(&message[..message.len().min(MAX_MESSAGE_BYTES)]);
            }
        }
        let _ = self.send(&bytes);
    }

    /// Container: blocks until the gate opens.
    pub(super) fn wait_for_start(&self) -> Result<()> {
        let mut byte = [0];
        loop {
            match nix::unistd::read(self.0.as_fd(), &mut byte) {
                Ok(1) if byte == [START] => return Ok(()),
                Err(Errno::EINTR) => {}
                // Whoever held the gate is dead: so is this container.
                _ => return Err(Error::InitDied),
            }
        }
    }

    /// Container: continues with the next one who connects to `listener`.
    pub(super) fn replace_by_next(&mut self, listener: OwnedFd) -> Result<()> {
        let socket = accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC)
            .map_err(|error| Error::host("wait at the gate")(error.into()))?;
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
        self.0 = unsafe { OwnedFd::from_raw_fd(socket) };
        Ok(())
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        send(self.0.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL).map(drop).map_err(|error| match error {
            Errno::EPIPE | Errno::ECONNRESET => Error::InitDied,
            other => Error::host("speak through the gate")(other.into()),
        })
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
