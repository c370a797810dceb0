//! A process that keeps a network namespace and a cgroup until the container's own processes are there.
//!
//! The network is put into the namespace before the first of them runs, as for a container that is started; and a scope of
//! systemd's without a process would be taken away.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pause, pipe2};

use crate::cgroup::Cgroup;
use crate::spawn::check_single_thread;
use crate::sys::process::{self, Side, clone};
use crate::{Error, Result};

/// Which network namespace the container has.
pub(super) enum Network {
    /// The machine's.
    Host,
    /// One of its own.
    Own,
    /// Another container's.
    Joined(OwnedFd),
}

/// The process. It ends when this is dropped, and with its parent.
#[derive(Debug)]
pub(super) struct Holder {
    pid: i32,
    /// It was reaped by somebody else.
    gone: bool,
}

impl Holder {
    pub(super) fn start(cgroup: &Cgroup, network: Network) -> Result<Holder> {
        check_single_thread()?;
        let (reader, writer) =
            pipe2(OFlag::O_CLOEXEC).map_err(|error| Error::host("make a pipe")(error.into()))?;
        let into = cgroup.clone_target()?;
        let flags = if matches!(network, Network::Own) { libc::CLONE_NEWNET as u64 } else { 0 };
        fault::point("restore: clone the holder");
        // SAFETY: `check_single_thread` has found one thread, and nothing since has made another.
        let side = unsafe { clone(flags, into.as_ref().map(AsFd::as_fd)) };
        match side.map_err(Error::host("clone the holder of a network namespace"))? {
            Side::Parent(pid) => {
                let holder = Holder { pid, gone: false };
                drop(writer);
                let mut said = [0];
                File::from(reader)
                    .read_exact(&mut said)
                    .map_err(Error::host("prepare a network namespace"))?;
                Ok(holder)
            }
            Side::Child => hold(network, writer),
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// It has been reaped.
    pub(super) fn ended(&mut self) {
        self.gone = true;
    }

    /// The network namespace that it holds.
    pub(super) fn network(&self) -> Result<OwnedFd> {
        let path = format!("/proc/{}/ns/net", self.pid);
        File::open(&path).map(OwnedFd::from).map_err(Error::path("open", path))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        let pid = Pid::from_raw(self.pid);
        // Not reaped yet, so that the number is still its own.
        let _ = kill(pid, Signal::SIGKILL);
        let _ = waitpid(pid, None);
    }
}

/// Its whole life. Nothing is told of a failure but that it ends: the kernel has run out of something.
fn hold(network: Network, mut ready: OwnedFd) -> ! {
    let prepared = prepare(&network, &mut ready).and_then(|()| File::from(ready).write_all(&[0]));
    if prepared.is_err() {
        process::exit_now(crate::EXIT_FAILED);
    }
    loop {
        pause();
    }
}

fn prepare(network: &Network, ready: &mut OwnedFd) -> std::io::Result<()> {
    process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64)?;
    if let Network::Joined(namespace) = network {
        process::join(namespace.as_fd(), libc::CLONE_NEWNET)?;
    }
    process::close_all_but(&mut [ready.as_raw_fd()])?;
    if matches!(network, Network::Own) {
        process::raise_loopback()?;
    }
    Ok(())
}
