//! Handing the listener of a system call filter to the process that decides, with the container's state.

use std::io::{self, IoSlice, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::json;

use crate::hook::Hooked;
use crate::plan::Plan;
use crate::{Error, Result};

/// Sends the listener of the container whose process is `pid` to the socket that the plan names.
pub(crate) fn hand_over(plan: &Plan, container: Hooked<'_>, pid: i32, listener: &OwnedFd) -> Result<()> {
    let Some(to) = plan.filter.as_ref().and_then(|filter| filter.listener.as_ref()) else {
        return Err(Error::InitDied);
    };
    let mut state = json!({
        "ociVersion": container.spec.version(),
        // The name of the first and only descriptor (runtime-spec, config-linux.md, container process state).
        "fds": [crate::oci::SECCOMP_FD_NAME],
        "pid": pid,
        "state": container.state("creating", Some(pid)),
    });
    if let Some(metadata) = &to.metadata {
        state["metadata"] = metadata.as_str().into();
    }
    send(&to.path, state.to_string().as_bytes(), listener)
        .map_err(Error::path("hand the seccomp listener to", &to.path))
}

fn send(path: &Path, state: &[u8], listener: &OwnedFd) -> io::Result<()> {
    let mut socket = UnixStream::connect(path)?;
    let fds = [listener.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&fds)];
    let slices = [IoSlice::new(state)];
    let sent = sendmsg::<()>(socket.as_raw_fd(), &slices, &control, MsgFlags::MSG_NOSIGNAL, None)?;
    socket.write_all(&state[sent..])
}
