//! The gate in front of a container's program, and who opens it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};

use crate::init::{Channel, Heard};
use crate::{Error, Result};

/// Who opens the gate in front of the container's program.
#[derive(Debug)]
pub enum Gate {
    /// The [`Created`](crate::Created) handle.
    Handle,
    /// Whoever calls [`open_gate`] with the path of this socket, which is made.
    Socket(PathBuf),
}

/// Opens the gate of a container that was created with [`Gate::Socket`].
///
/// # Errors
/// If nobody waits behind the socket, or the program cannot be run.
pub fn open_gate(path: &Path) -> Result<()> {
    let failed = |error: nix::Error| Error::path("open the gate", path)(error.into());
    let (socket, address) = gate_socket(path)?;
    connect(socket.as_raw_fd(), &address).map_err(failed)?;
    let channel = Channel::from_socket(socket);
    channel.start()?;
    hear_of_program(&channel)
}

/// Waits until the program runs. One that has run and ended already also looks like this, and is reaped like any other.
pub(crate) fn hear_of_program(channel: &Channel) -> Result<()> {
    match channel.hear()? {
        Heard::Closed => Ok(()),
        Heard::Failed(error) => Err(error),
        Heard::Ready | Heard::Mounted | Heard::Console(_) | Heard::Listener(_) | Heard::Pid(_) => {
            Err(Error::InitDied)
        }
    }
}

/// Makes the socket of a gate.
pub(crate) fn listen_at(path: &Path) -> Result<OwnedFd> {
    let failed = |error: nix::Error| Error::path("make the gate", path)(error.into());
    let (socket, address) = gate_socket(path)?;
    fault::point("runtime: make the gate");
    bind(socket.as_raw_fd(), &address).map_err(failed)?;
    listen(&socket, Backlog::new(1).map_err(failed)?).map_err(failed)?;
    Ok(socket)
}

fn gate_socket(path: &Path) -> Result<(OwnedFd, UnixAddr)> {
    let failed = |error: nix::Error| Error::path("name the gate", path)(error.into());
    let address = UnixAddr::new(path).map_err(failed)?;
    let socket =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
    Ok((socket, address))
}
