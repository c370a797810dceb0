//! Cloning a container's first process, directly or by way of another one.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};

use nix::sched::{CloneFlags, setns};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::cgroup::Cgroup;
use crate::create::CreateOptions;
use crate::hook::Hooked;
use crate::init::{self, Channel, Heard, Surroundings};
use crate::plan::{NamespaceKind, Plan};
use crate::sys::process::{Side, clone};
use crate::{Error, Result};

/// A clone lacks all threads but one, and with them whoever would have released a lock.
pub(crate) fn check_single_thread() -> Result<()> {
    let tasks = fs::read_dir("/proc/self/task").map_err(Error::path("list", "/proc/self/task"))?;
    if tasks.count() == 1 { Ok(()) } else { Err(Error::Threaded) }
}

/// The namespaces of others, open.
pub(crate) fn open_namespaces(plan: &Plan) -> Result<Vec<(NamespaceKind, OwnedFd)>> {
    plan.join
        .iter()
        .map(|(kind, path)| {
            File::open(path).map(|file| (*kind, file.into())).map_err(Error::path("open namespace", path))
        })
        .collect()
}

/// Clones the caller. Gives the number of the container's process, or of the one that will tell it.
pub(crate) fn spawn(
    plan: &Plan,
    cgroup: &Cgroup,
    mut join: Vec<(NamespaceKind, OwnedFd)>,
    gate: Option<OwnedFd>,
    hooked: Hooked<'_>,
    options: CreateOptions<'_>,
    channel: Channel,
) -> Result<i32> {
    let staged = plan.is_staged();
    // An earlier process stays outside of the cgroup, and joins and makes the rest itself.
    let into = if staged { None } else { cgroup.clone_target()? };
    let home = if staged { None } else { enter_pid_namespace(&mut join)? };
    let flags = if staged { plan.new_namespaces & libc::CLONE_NEWNS as u64 } else { plan.new_namespaces };
    fault::point("runtime: clone the container's process");
    // SAFETY: `check_single_thread` has found one thread, and nothing since has made another.
    let side = unsafe { clone(flags, into.as_ref().map(AsFd::as_fd)) };
    if let (Some(home), Ok(Side::Parent(_)) | Err(_)) = (home, &side) {
        setns(home.as_fd(), CloneFlags::CLONE_NEWPID)
            .map_err(|error| Error::host("return from a pid namespace")(error.into()))?;
    }
    match side.map_err(Error::host("clone the container's process"))? {
        Side::Parent(pid) => Ok(pid),
        Side::Child => {
            let surroundings = Surroundings {
                plan,
                rootfs: options.rootfs,
                hooked,
                user: options.user,
                cgroup,
                join,
                stdio: options.stdio,
                init: options.init,
                die_with_parent: options.die_with_parent,
                gate,
                extra: options.extra,
                memory: options.memory,
                pinned: None,
            };
            if staged { init::stage::run(surroundings, channel) } else { init::run(surroundings, channel) }
        }
    }
}

/// The container's number, from the process that makes it, which then ends.
pub(crate) fn wait_for_stage(stage: i32, channel: &Channel) -> Result<i32> {
    let heard = channel.hear();
    let _ = waitpid(Pid::from_raw(stage), None);
    match heard? {
        Heard::Pid(pid) => Ok(pid),
        Heard::Failed(error) => Err(error),
        Heard::Ready | Heard::Mounted | Heard::Console(_) | Heard::Listener(_) | Heard::Closed => {
            Err(Error::InitDied)
        }
    }
}

/// A pid namespace is joined by the parent of whoever shall be in it; returns the way back.
fn enter_pid_namespace(join: &mut Vec<(NamespaceKind, OwnedFd)>) -> Result<Option<OwnedFd>> {
    let Some(at) = join.iter().position(|(kind, _)| *kind == NamespaceKind::Pid) else {
        return Ok(None);
    };
    let (_, namespace) = join.remove(at);
    let home = File::open("/proc/self/ns/pid").map_err(Error::path("open", "/proc/self/ns/pid"))?;
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWPID)
        .map_err(|error| Error::host("join a pid namespace")(error.into()))?;
    Ok(Some(home.into()))
}
