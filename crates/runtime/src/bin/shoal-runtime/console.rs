//! Handing the host's side of a terminal to whoever listens on `--console-socket`.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use runtime::oci::Box;

use crate::failure::{Failure, Outcome};

/// What is sent beside the descriptor, as runc does: its name.
const NAME: &[u8] = b"/dev/ptmx";

/// Sends `master` to the stream socket at `path`, and nothing else. The receiver closes the connection.
pub(crate) fn send(path: &Path, master: BorrowedFd<'_>) -> Outcome<()> {
    let socket = std::os::unix::net::UnixStream::connect(path).map_err(Failure::file(path))?;
    let fds = [master.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(NAME)], &control, MsgFlags::MSG_NOSIGNAL, None)
        .map(drop)
        .map_err(|error| Failure::file(path)(io::Error::from(error)))
}

/// Rows and columns of a new terminal: what the configuration says, else those of ours, if it is passed through.
pub(crate) fn size(configured: Option<Box>, detached: bool) -> Option<(u16, u16)> {
    let configured = configured.map(|size| (size.height() as u16, size.width() as u16));
    configured.or_else(|| if detached { None } else { runtime::console_size(io::stdin().as_fd()) })
}

/// A terminal that nobody holds is lost, and one that is not there cannot be sent.
pub(crate) fn check(terminal: bool, detached: bool, socket: Option<&str>) -> Outcome<()> {
    match (terminal, detached, socket.is_some()) {
        (true, true, false) => {
            Err(Failure::Console("cannot allocate tty if runtime will detach without setting console socket"))
        }
        (false, _, true) | (_, false, true) => {
            Err(Failure::Console("cannot use console socket if runtime will not detach or allocate tty"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_exactly_one_holder() {
        assert!(check(true, true, Some("s")).is_ok());
        assert!(check(true, false, None).is_ok());
        assert!(check(false, true, None).is_ok());
        assert!(check(false, false, None).is_ok());
        assert!(check(true, true, None).is_err());
        assert!(check(false, true, Some("s")).is_err());
        assert!(check(true, false, Some("s")).is_err());
    }
}
