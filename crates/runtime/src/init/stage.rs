//! The process between the caller and a container that is not simply a clone of the caller.
//!
//! A container with users of its own must own its other namespaces, and so be born into its user namespace; but its layers,
//! devices and sources of binds can only be had with the machine's privilege. This process, in a private mount namespace,
//! gathers all of those as open mounts, goes into the user namespace, and makes the container as its
//! sibling, which inherits them. Then it ends.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, umask};
use nix::unistd::pipe2;

use super::channel::Channel;
use super::host;
use super::users::UserNamespace;
use super::{Surroundings, identity, namespace};
use crate::sys::process::{self, Side, clone};
use crate::{Error, Result, Stdio};

/// Runs the whole life of this process, and in the clone the container's. Never returns.
pub(crate) fn run(surroundings: Surroundings<'_>, mut channel: Channel) -> ! {
    let life = AssertUnwindSafe(|| prepare(surroundings, &mut channel));
    let Ok(Err(error)) = catch_unwind(life) else {
        process::exit_now(crate::EXIT_FAILED);
    };
    super::give_up(&error, &channel)
}

fn prepare(mut surroundings: Surroundings<'_>, channel: &mut Channel) -> Result<Infallible> {
    let plan = surroundings.plan;
    namespace::die_with_parent()?;
    umask(Mode::empty());
    host::set_oom_score(plan.process.oom_score_adj)?;
    let users = plan.users.as_ref().map(UserNamespace::open).transpose()?;
    namespace::join(std::mem::take(&mut surroundings.join))?;
    surroundings.pinned = Some(host::pin(&surroundings, users.as_ref())?);
    if let (Some(users), Stdio::Fds { stdin, stdout, stderr }) = (&users, &surroundings.stdio) {
        // Only who owns them in the container can give them on to its user.
        for stream in [stdin, stdout, stderr] {
            identity::give(stream.as_fd(), users.uid(0), Some(users.gid(0)))?;
        }
    }
    let into = surroundings.cgroup.clone_target()?;
    if let Some(users) = &users {
        users.enter()?;
    }
    if plan.new_time_namespace {
        namespace::make_time(&plan.time_offsets)?;
    }
    // The caller has to hear of the number before anything that the container says.
    let (told, tell) = pipe2(OFlag::O_CLOEXEC).map_err(|error| Error::host("make a pipe")(error.into()))?;
    let flags = plan.new_namespaces | libc::CLONE_PARENT as u64;
    fault::point("runtime: clone a process with users of its own");
    // SAFETY: this process is a clone with one thread, and has made no others.
    let side = unsafe { clone(flags, into.as_ref().map(AsFd::as_fd)) }
        .map_err(Error::host("clone the container's process"))?;
    match side {
        Side::Child => {
            drop(tell);
            let _ = File::from(told).read(&mut [0]);
            let Err(error) = super::live(surroundings, channel);
            super::give_up(&error, channel)
        }
        Side::Parent(pid) => {
            channel.tell_pid(pid)?;
            process::exit_now(0)
        }
    }
}
