//! The pseudo-terminal that an OCI runtime hands over by `--console-socket`.

use std::cell::RefCell;
use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// Waits for the terminal.
pub(super) struct Console {
    /// The socket, in the shim's directory.
    name: String,
    listener: UnixListener,
    terminal: RefCell<Option<OwnedFd>>,
}

impl Console {
    /// A socket of this name in our current directory.
    pub(super) fn listen(name: String) -> io::Result<Console> {
        let _ = fs::remove_file(&name);
        let listener = UnixListener::bind(&name)?;
        listener.set_nonblocking(true)?;
        Ok(Console { name, listener, terminal: RefCell::new(None) })
    }

    /// For the runtime. By way of our current directory, since the name of a socket has room for 107 bytes.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/cwd/{}", std::process::id(), self.name)
    }

    /// What to wait at, until the terminal is here.
    pub(super) fn waiting(&self) -> Option<BorrowedFd<'_>> {
        self.terminal.borrow().is_none().then(|| self.listener.as_fd())
    }

    /// Takes the terminal from the runtime that is calling.
    pub(super) fn receive(&self) -> io::Result<()> {
        let (socket, _) = self.listener.accept()?;
        let mut name = [0; 256];
        let mut slices = [IoSliceMut::new(&mut name)];
        let mut space = nix::cmsg_space!([i32; 1]);
        let message =
            recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = control {
                for fd in fds {
                    // SAFETY: the kernel has just made it for us, and for nobody else.
                    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                    self.terminal.borrow_mut().get_or_insert(fd);
                }
            }
        }
        Ok(())
    }

    /// The terminal, in its first size.
    pub(super) fn take(&self, size: Option<(u16, u16)>) -> io::Result<OwnedFd> {
        let terminal = self.terminal.take();
        let terminal = terminal
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the runtime handed over no terminal"))?;
        if let Some((rows, cols)) = size {
            runtime::resize_console(&terminal, rows, cols).map_err(io::Error::other)?;
        }
        Ok(terminal)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.name);
    }
}
