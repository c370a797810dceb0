//! The life of an additional process in a running container, up to its program.
//!
//! Like the first process' life it is a list in order: what takes the host's privileges and paths comes before the
//! container's namespaces, what the container may have laid traps for comes after, when nothing of the host is open
//! any more.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::stat::{Mode, umask};
use nix::sys::statfs::{DEVPTS_SUPER_MAGIC, fstatfs};
use nix::unistd::{Gid, Pid, Uid};

use super::channel::{Channel, Report};
use super::{DEFAULT_UMASK, exec, identity, label, namespace, root, users};
use crate::cgroup::Cgroup;
use crate::plan::Process;
use crate::seccomp::Filter;
use crate::sys::open::{Links, open};
use crate::sys::{pidfd, process, tty};
use crate::{Error, Extra, Result, Stdio};

/// What the clone needs.
pub(crate) struct Guest<'a> {
    pub(crate) process: &'a Process,
    pub(crate) filter: Option<&'a Filter>,
    pub(crate) user: Option<&'a str>,
    pub(crate) cgroup: &'a Cgroup,
    /// The container's first process.
    pub(crate) init: OwnedFd,
    /// Its namespaces to join, as `CLONE_NEW*`. The pid namespace has been joined by the parent.
    pub(crate) namespaces: libc::c_int,
    /// The machine's numbers of the container's root, if it has users of its own.
    pub(crate) owner: Option<(Uid, Gid)>,
    pub(crate) stdio: Stdio,
    pub(crate) die_with_parent: bool,
    pub(crate) extra: Extra,
}

/// Runs the clone's whole life. Never returns.
pub(crate) fn run_guest(guest: Guest<'_>, channel: Channel) -> ! {
    // A panic must not unwind into the caller's frames, of which this process holds a copy.
    let life = AssertUnwindSafe(|| live(guest, &channel));
    match catch_unwind(life) {
        Ok(Err(Error::NotRunning)) => channel.report(&Report::Gone),
        Ok(Err(error)) => super::give_up(&error, &channel),
        Err(_) => {}
    }
    process::exit_now(crate::EXIT_FAILED)
}

fn live(guest: Guest<'_>, channel: &Channel) -> Result<Infallible> {
    let (plan, filter, die_with_parent) = (guest.process, guest.filter, guest.die_with_parent);
    let mut keep = vec![channel.as_fd().as_raw_fd()];
    keep.extend(guest.extra.preserved());
    let user = enter(guest, channel)?;
    process::close_all_but(&mut keep).map_err(Error::host("close descriptors"))?;
    identity::assume(plan, filter, &user, channel)?;
    if die_with_parent {
        namespace::die_with_parent()?;
    }
    umask(Mode::from_bits_truncate(plan.umask.unwrap_or(DEFAULT_UMASK)));
    exec::change_directory(&plan.cwd)?;
    exec::exec(&exec::find(plan, &user)?)
}

/// Everything that needs privilege.
fn enter(guest: Guest<'_>, channel: &Channel) -> Result<crate::user::User> {
    process::reset_signals();
    umask(Mode::empty());
    let schedule = &guest.process.schedule;
    set_affinity(schedule.first_cpus.as_ref())?;
    namespace::begin(guest.cgroup, !guest.extra.no_new_keyring)?;
    set_affinity(schedule.cpus.as_ref())?;
    schedule.apply(0)?;
    label::Pending::open(&guest.process.labels)?.set()?;
    if let Some(score) = guest.process.oom_score_adj {
        set_oom_score(score)?;
    }
    if let (Some((uid, gid)), Stdio::Fds { stdin, stdout, stderr }) = (guest.owner, &guest.stdio) {
        // Only who owns them in the container can give them on to its user.
        for stream in [stdin, stdout, stderr] {
            identity::give(stream.as_fd(), uid, Some(gid))?;
        }
    }
    pidfd::join(guest.init.as_fd(), guest.namespaces).map_err(|error| match error.raw_os_error() {
        Some(libc::ESRCH) => Error::NotRunning,
        _ => Error::host("join the container's namespaces")(error),
    })?;
    if guest.owner.is_some() {
        users::become_root()?;
    }
    let root = root::open_path(Path::new("/")).map_err(Error::path("open", "/"))?;
    connect_streams(guest.stdio, root.as_fd(), channel)?;
    let user = identity::resolve(guest.process, guest.user, root.as_fd())?;
    identity::give_streams(&user)?;
    Ok(user)
}

fn set_affinity(cpus: Option<&CpuSet>) -> Result<()> {
    match cpus {
        Some(cpus) => sched_setaffinity(Pid::from_raw(0), cpus)
            .map_err(|error| Error::host("choose processors")(error.into())),
        None => Ok(()),
    }
}

/// Here, while the host's procfs is the one at hand.
fn set_oom_score(score: i32) -> Result<()> {
    const PATH: &str = "/proc/self/oom_score_adj";
    match fs::write(PATH, score.to_string()) {
        // Below what was inherited takes CAP_SYS_RESOURCE, which not every environment has.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other.map_err(Error::path("write", PATH)),
    }
}

fn connect_streams(stdio: Stdio, root: BorrowedFd<'_>, channel: &Channel) -> Result<()> {
    let size = match stdio {
        Stdio::Fds { stdin, stdout, stderr } => {
            return identity::set_streams(stdin.as_fd(), stdout.as_fd(), stderr.as_fd());
        }
        Stdio::Console { size } => size,
    };
    let failed = |error: io::Error| Error::host("open a terminal of the container")(error);
    let devpts = open(root, Path::new("/dev/pts"), libc::O_PATH | libc::O_DIRECTORY, 0, Links::InRoot)
        .map_err(failed)?;
    // Whatever the container has put there: only the kernel's own terminals will do.
    let kind = fstatfs(devpts.as_fd()).map_err(|error| failed(error.into()))?.filesystem_type();
    if kind != DEVPTS_SUPER_MAGIC {
        return Err(Error::Invalid("a terminal needs a devpts mounted on /dev/pts".to_owned()));
    }
    let (master, slave) = tty::open_pair(devpts.as_fd()).map_err(failed)?;
    if let Some((rows, cols)) = size {
        tty::set_size(slave.as_fd(), rows, cols).map_err(failed)?;
    }
    channel.send_console(master)?;
    identity::set_streams(slave.as_fd(), slave.as_fd(), slave.as_fd())?;
    tty::make_controlling(slave.as_fd()).map_err(failed)
}
