//! Handing the listener of a system call filter to the process that decides, with the container's state.

use std::io::{self, IoSlice, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendmsg, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

use crate::hook::Hooked;
use crate::seccomp::{Filter, Listener};
use crate::{Error, Result};

/// How long whoever decides may take to accept: the caller may have other processes to look after.
const ACCEPT_LIMIT: Duration = Duration::from_secs(2);

/// What is to be told to whoever decides on the system calls of a process.
#[derive(Debug)]
pub(crate) struct HandOver {
    to: Listener,
    state: Value,
}

impl HandOver {
    /// For a process of the container, which has this status and first process; `None` if nobody is to decide.
    pub(crate) fn new(
        filter: Option<&Filter>,
        container: Hooked<'_>,
        status: &str,
        init: i32,
    ) -> Option<HandOver> {
        let to = filter?.listener.clone()?;
        let mut state = json!({
            "ociVersion": container.spec.version(),
            // The name of the first and only descriptor (runtime-spec, config-linux.md, container process state).
            "fds": [crate::oci::SECCOMP_FD_NAME],
            "state": container.state(status, Some(init)),
        });
        if let Some(metadata) = &to.metadata {
            state["metadata"] = metadata.as_str().into();
        }
        Some(HandOver { to, state })
    }

    /// Sends the listener of the process.
    pub(crate) fn send(mut self, pid: i32, listener: &OwnedFd) -> Result<()> {
        self.state["pid"] = pid.into();
        let failed = Error::path("hand the seccomp listener to", &self.to.path);
        self.try_send(listener).map_err(failed)
    }

    fn try_send(&self, listener: &OwnedFd) -> io::Result<()> {
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        // It is also how long a connection may take (unix(7) sockets wait for room in the other side's backlog).
        setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(ACCEPT_LIMIT.as_secs().cast_signed(), 0))?;
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.to.path)?)?;
        let state = self.state.to_string();
        let fds = [listener.as_raw_fd()];
        let control = [ControlMessage::ScmRights(&fds)];
        let slices = [IoSlice::new(state.as_bytes())];
        let sent = sendmsg::<()>(socket.as_raw_fd(), &slices, &control, MsgFlags::MSG_NOSIGNAL, None)?;
        UnixStream::from(socket).write_all(&state.as_bytes()[sent..])
    }
}
