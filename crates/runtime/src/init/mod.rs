//! Everything that happens in the clone, in order, up to the container's program.
//!
//! Runs in a process of one thread that is a copy of the caller, with the container's new namespaces. It enters
//! its cgroup, pins what it needs of the host by descriptor, pivots into the container's root and lets go of the
//! host's; only then does it resolve paths on which an image or a volume may have laid traps, so that none of
//! them can lead to the host. It reports to the caller once, waits at the gate, and becomes the program.

mod cgroupfs;
mod channel;
mod copy_up;
mod device;
mod exec;
mod foreign;
mod guest;
mod hide;
mod host;
mod identity;
mod label;
mod mount;
mod namespace;
mod reaper;
pub(crate) mod root;
pub(crate) mod source;
pub(crate) mod stage;
mod staging;
pub(crate) mod target;
mod users;

pub use reaper::init_of;

use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use nix::sys::stat::{Mode, umask};

use crate::cgroup::Cgroup;
use crate::hook::Hooked;
use crate::memory::Memory;
use crate::plan::{NamespaceKind, Plan};
use crate::sys::mount::{Attributes, set_attributes};
use crate::sys::schedule::set_personality;
use crate::sys::{process, tty};
use crate::{Error, Extra, Result, Rootfs, Stdio};

use channel::Report;
use mount::Mounted;

pub(crate) use channel::{Channel, Heard};
pub(crate) use guest::{Guest, run_guest};
pub(crate) use label::check as check_labels;

/// What the clone needs beside the plan.
pub(crate) struct Surroundings<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rootfs: &'a Rootfs,
    pub(crate) hooked: Hooked<'a>,
    pub(crate) user: Option<&'a str>,
    pub(crate) cgroup: &'a Cgroup,
    pub(crate) join: Vec<(NamespaceKind, OwnedFd)>,
    pub(crate) stdio: Stdio,
    pub(crate) init: bool,
    pub(crate) die_with_parent: bool,
    /// Where to listen for whoever opens the gate, if it is not the caller.
    pub(crate) gate: Option<OwnedFd>,
    pub(crate) extra: Extra,
    /// Files that are on no disk.
    pub(crate) memory: Option<Memory<'a>>,
    /// What an earlier process has opened for this one.
    pub(crate) pinned: Option<host::Pinned>,
}

impl Surroundings<'_> {
    /// The directory in whose place the root is mounted.
    fn place(&self) -> &Path {
        match self.rootfs {
            Rootfs::Path(path) => path,
            Rootfs::Overlay { .. } => self.hooked.bundle,
        }
    }
}

const DEFAULT_UMASK: u32 = 0o022;

/// Runs the clone's whole life. Never returns.
pub(crate) fn run(surroundings: Surroundings<'_>, mut channel: Channel) -> ! {
    // A panic must not unwind into the caller's frames, of which this process holds a copy.
    let life = AssertUnwindSafe(|| live(surroundings, &mut channel));
    let Ok(Err(error)) = catch_unwind(life) else {
        process::exit_now(crate::EXIT_FAILED);
    };
    give_up(&error, &channel)
}

/// Reports and ends this process. Descriptors may be closed by now that callers believe to own.
fn give_up(error: &Error, channel: &Channel) -> ! {
    channel.report(&Report::Failed { exit_code: error.exit_code(), message: error.to_string() });
    process::exit_now(error.exit_code())
}

fn live(surroundings: Surroundings<'_>, channel: &mut Channel) -> Result<Infallible> {
    let with_init = surroundings.init;
    let die_with_parent = surroundings.die_with_parent;
    let (extra, hooked) = (surroundings.extra, surroundings.hooked);
    let plan = surroundings.plan;
    let (gate, user) = enter(surroundings, channel)?;
    let mut keep = vec![channel.as_fd().as_raw_fd(), gate.as_ref().map_or(-1, AsRawFd::as_raw_fd)];
    keep.extend(extra.preserved());
    process::close_all_but(&mut keep).map_err(Error::host("close descriptors"))?;
    identity::assume(&plan.process, plan.filter.as_ref(), &user, channel)?;
    if die_with_parent {
        // Changing users has cleared it.
        namespace::die_with_parent()?;
    }
    umask(Mode::from_bits_truncate(plan.process.umask.unwrap_or(DEFAULT_UMASK)));
    exec::change_directory(&plan.process.cwd)?;
    let program = exec::find(&plan.process, &user)?;
    channel.ready()?;
    if let Some(gate) = gate {
        channel.replace_by_next(gate)?;
    }
    channel.wait_for_start()?;
    hooked.due(&plan.hooks.start_container, "created", own_pid()).run()?;
    if with_init { reaper::run(&program, channel) } else { exec::exec(&program) }
}

/// As the container's own processes see it.
fn own_pid() -> i32 {
    std::process::id() as i32
}

/// Everything that needs privilege: namespaces, mounts, streams. Drops every descriptor of the host but the gate.
fn enter(
    mut surroundings: Surroundings<'_>,
    channel: &Channel,
) -> Result<(Option<OwnedFd>, crate::user::User)> {
    let plan = surroundings.plan;
    process::reset_signals();
    if surroundings.die_with_parent {
        namespace::die_with_parent()?;
    }
    umask(Mode::empty());
    namespace::begin(surroundings.cgroup, !surroundings.extra.no_new_keyring)?;
    let labels = label::Pending::open(&plan.process.labels)?;
    let pinned = match surroundings.pinned.take() {
        Some(pinned) => pinned,
        None => {
            host::set_oom_score(plan.process.oom_score_adj)?;
            namespace::join(std::mem::take(&mut surroundings.join))?;
            host::pin(&surroundings, None)?
        }
    };
    let place = root::open_place(surroundings.place())?;
    if plan.users.is_some() {
        users::become_root()?;
        if surroundings.die_with_parent {
            // Changing users has cleared it.
            namespace::die_with_parent()?;
        }
    }
    namespace::finish(plan)?;
    let (pinned, procfs) = mount::make_early(plan, pinned)?;
    root::put(pinned.root.as_fd(), place.as_fd())?;
    // The host's tree goes before anything of the image is looked at, unless hooks have to see both.
    let late = plan.hooks.any_before_pivot();
    if !late {
        root::enter(pinned.root.as_fd(), surroundings.extra)?;
    }
    let root = {
        let (root, mounted) = mount::mount_all(plan, pinned, surroundings.cgroup)?;
        if late {
            channel.mounted()?;
            surroundings.hooked.due(&plan.hooks.create_container, "creating", own_pid()).run()?;
            root::enter(root.as_fd(), surroundings.extra)?;
        }
        finish_mounts(plan, root.as_fd(), &mounted, procfs)?;
        connect_streams(surroundings.stdio, root.as_fd(), &mounted, channel)?;
        mounted.close_writable()?;
        root
    };
    let user = identity::resolve(&plan.process, surroundings.user, root.as_fd())?;
    target::open_or_make(root.as_fd(), &plan.process.cwd, target::Make::Dir)?;
    identity::give_streams(&user)?;
    if plan.root_readonly {
        let readonly = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
        set_attributes(root.as_fd(), false, readonly).map_err(Error::host("make the root read-only"))?;
    }
    if let Some(domain) = plan.personality {
        set_personality(domain).map_err(Error::host("set the personality"))?;
    }
    labels.set()?;
    Ok((surroundings.gate, user))
}

fn finish_mounts(
    plan: &Plan,
    root: BorrowedFd<'_>,
    mounted: &Mounted,
    procfs: Option<OwnedFd>,
) -> Result<()> {
    device::make_outside_dev(plan, root, &mounted.devices)?;
    namespace::set_names(plan)?;
    if let Some(procfs) = procfs {
        namespace::set_sysctls(plan, procfs.as_fd())?;
    }
    let propagation = Attributes { propagation: plan.root_propagation, ..Attributes::default() };
    set_attributes(root, false, propagation).map_err(Error::host("set the root's propagation"))?;
    hide::make_readonly(plan, root)?;
    hide::mask(plan, root, mounted)
}

fn connect_streams(stdio: Stdio, root: BorrowedFd<'_>, mounted: &Mounted, channel: &Channel) -> Result<()> {
    match stdio {
        Stdio::Fds { stdin, stdout, stderr } => {
            identity::set_streams(stdin.as_fd(), stdout.as_fd(), stderr.as_fd())?;
            identity::own_null(root)
        }
        Stdio::Console { size } => {
            let (master, slave) = device::open_console(root, mounted)?;
            if let Some((rows, cols)) = size {
                tty::set_size(slave.as_fd(), rows, cols)
                    .map_err(Error::host("set the size of the console"))?;
            }
            channel.send_console(master)?;
            identity::set_streams(slave.as_fd(), slave.as_fd(), slave.as_fd())?;
            tty::make_controlling(slave.as_fd())
                .map_err(Error::host("make the console the controlling terminal"))
        }
    }
}
