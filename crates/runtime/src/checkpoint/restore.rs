//! Bringing a container back from files.
//!
//! In two steps, as a container is created and then started: first everything that is the machine's (cgroup, root, network
//! namespace), then its processes, which run at once.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::arguments::{Bringing, restore};
use super::holder::{Holder, Network};
use super::{Descriptors, External, IMAGES_DIR, check, criu, mounts, trusted};
use crate::cgroup::{self, Cgroup};
use crate::oci::Spec;
use crate::plan::{NamespaceKind, Plan};
use crate::sys::mount::{Attributes, set_attributes};
use crate::sys::{pidfd, process};
use crate::view::{Changes, View};
use crate::{Error, Result, Rootfs};

/// How long it may take; a slow disk reads some gigabytes in it.
const LIMIT: Duration = Duration::from_secs(600);
/// Time between two looks at the clock.
const POLL_MS: u16 = 1000;
/// What criu says, and the number of the first process, in the container's directory.
const LOG: &str = "restore.log";
const PID_FILE: &str = "restored.pid";

/// What is needed beside the specification.
#[derive(Debug)]
pub struct RestoreOptions<'a> {
    /// The container's id, for messages.
    pub id: &'a str,
    /// The root; only an overlay can be brought back.
    pub rootfs: &'a Rootfs,
    /// The container's own directory, absolute: criu writes there.
    pub dir: &'a Path,
    /// A directory of the caller's, in whose place the root appears to it.
    pub place: &'a Path,
    /// The directory of the checkpoint.
    pub checkpoint: &'a Path,
    /// Standard input, output and error: what the processes had is replaced by these.
    pub streams: [OwnedFd; 3],
}

/// A container whose processes are not there yet. Dropping it removes its cgroup and whatever runs in it.
#[derive(Debug)]
pub struct Restoring {
    holder: Holder,
    cgroup: Cgroup,
    /// Ours, until the processes run.
    undo: bool,
    network: Option<OwnedFd>,
    cgroup_namespace: bool,
    descriptors: Descriptors,
    external: Vec<External>,
    images: PathBuf,
    dir: PathBuf,
    place: PathBuf,
    streams: [OwnedFd; 3],
}

impl Restoring {
    /// Makes everything but the processes. The caller is moved into a mount namespace of its own, where the root is.
    ///
    /// # Errors
    /// [`Error::NotImplemented`] for what cannot be brought back, [`Error::Invalid`] for files that cannot be believed.
    pub fn prepare(spec: &Spec, options: RestoreOptions<'_>) -> Result<Restoring> {
        let layout = cgroup::detect()?;
        check(spec, layout.version())?;
        let plan = Plan::new(spec, options.id)?;
        let checkpoint = trusted(options.checkpoint)?;
        let descriptors = Descriptors::read(&checkpoint)?;
        let cgroup = layout.cgroup(&plan.cgroup)?;
        let inside = cgroup.dirs().next().map(Path::to_owned).unwrap_or_default();
        let external = mounts::wanted(spec, &inside)?;
        show_root(spec, &plan, &options)?;
        let network = network(&plan)?;
        let undo = Sweep(&cgroup);
        fault::point("restore: make the cgroup");
        cgroup.create(&plan.resources)?;
        let holder = Holder::start(&cgroup, network)?;
        let is_hosts = plan.new_namespaces & libc::CLONE_NEWNET as u64 == 0 && plan.join.is_empty();
        let network = if is_hosts { None } else { Some(holder.network()?) };
        std::mem::forget(undo);
        Ok(Restoring {
            holder,
            undo: true,
            network,
            cgroup_namespace: plan.new_cgroup_namespace,
            descriptors,
            external,
            images: checkpoint.join(IMAGES_DIR),
            dir: options.dir.to_owned(),
            place: options.place.to_owned(),
            streams: options.streams,
            cgroup,
        })
    }

    /// A process in the container's network namespace and cgroup.
    pub fn pid(&self) -> i32 {
        self.holder.pid()
    }

    /// The container's cgroup. Whoever reaps the container removes it.
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// [`Restoring::pid`] has ended and was reaped by the caller: its number may be another's by now.
    pub fn holder_ended(mut self) {
        self.holder.ended();
    }

    /// Brings the processes back; they run when this returns. Gives the first one, a child of the caller. With
    /// `same_address` connections go on, else they are closed.
    ///
    /// # Errors
    /// [`Error::Criu`] with its reason. Processes and cgroup are gone then.
    pub fn restore(mut self, same_address: bool) -> Result<i32> {
        let pid_file = self.dir.join(PID_FILE);
        let _ = fs::remove_file(&pid_file);
        let arguments = restore(&Bringing {
            images: &self.images,
            work: &self.dir,
            log: LOG,
            pid_file: PID_FILE,
            root: &self.place,
            network: self.network.as_ref().map(AsRawFd::as_raw_fd),
            streams: [0, 1, 2].map(|at| self.streams[at].as_raw_fd()),
            descriptors: &self.descriptors,
            external: &self.external,
            same_address,
        });
        let mut command = criu::command(&arguments);
        self.surround(&mut command)?;
        fault::point("restore: start criu");
        let child = command.spawn().map_err(Error::host("start criu"))?;
        if !wait(child)? {
            return Err(Error::Criu { verb: "restore", reason: super::reason(&self.dir.join(LOG)) });
        }
        let pid = fs::read_to_string(&pid_file).map_err(Error::path("read", &pid_file))?;
        let pid = pid.trim().parse().ok();
        let mine = self.cgroup.processes()?;
        let pid = pid.filter(|pid| mine.contains(pid)).ok_or(Error::InitDied)?;
        self.undo = false;
        Ok(pid)
    }

    /// criu works where the container will be, since its processes begin as copies of it.
    fn surround(&self, command: &mut Command) -> Result<()> {
        let inside = self.cgroup.dirs().next().map(|dir| dir.join("cgroup.procs")).unwrap_or_default();
        let inside = fs::File::options().write(true).open(&inside).map_err(Error::path("open", inside))?;
        let own_cgroups = self.cgroup_namespace;
        let mut inherited: Vec<RawFd> = self.streams.iter().map(AsRawFd::as_raw_fd).collect();
        inherited.extend(self.network.iter().map(AsRawFd::as_raw_fd));
        let change = move || -> io::Result<()> {
            process::reset_signals();
            nix::unistd::write(inside.as_fd(), b"0")?;
            if own_cgroups {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP)?;
            }
            process::join_new_keyring()?;
            for fd in &inherited {
                // SAFETY: the descriptors are open in the parent, which waits, and so in this copy of it.
                let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(*fd) };
                fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            Ok(())
        };
        // SAFETY: the parent has one thread, so that whatever the closure calls finds no lock held.
        unsafe { command.pre_exec(change) };
        Ok(())
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        if self.undo {
            drop(Sweep(&self.cgroup));
        }
    }
}

/// Nothing better can be done with an error here; the engine finds the cgroup again by its name.
struct Sweep<'a>(&'a Cgroup);

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.remove();
    }
}

/// Mounts the root where only the caller and its children see it, with every mount point in it.
fn show_root(spec: &Spec, plan: &Plan, options: &RestoreOptions<'_>) -> Result<()> {
    let Rootfs::Overlay { lowers, upper, work } = options.rootfs else {
        return Err(Error::NotImplemented("a restore in a root that is no overlay"));
    };
    let changes = Changes::Kept { upper: upper.clone(), work: work.clone() };
    let view = View { lowers: lowers.clone(), changes, binds: Vec::new(), place: options.place.to_owned() };
    let root = view.enter()?;
    mounts::make_places(spec, &root)?;
    if plan.root_readonly {
        let readonly = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
        set_attributes(root.as_fd(), false, readonly).map_err(Error::host("make the root read-only"))?;
    }
    Ok(())
}

fn network(plan: &Plan) -> Result<Network> {
    if plan.new_namespaces & libc::CLONE_NEWNET as u64 != 0 {
        return Ok(Network::Own);
    }
    match plan.join.iter().find(|(kind, _)| *kind == NamespaceKind::Network) {
        Some((_, path)) => {
            let file = fs::File::open(path).map_err(Error::path("open namespace", path))?;
            Ok(Network::Joined(file.into()))
        }
        None => Ok(Network::Host),
    }
}

/// Whether it ended well, and in time.
fn wait(mut child: Child) -> Result<bool> {
    let failed = |error: io::Error| Error::host("wait for criu")(error);
    let process = pidfd::open(child.id() as i32).map_err(failed)?;
    let deadline = Instant::now() + LIMIT;
    loop {
        match pidfd::ends_within(process.as_fd(), POLL_MS) {
            Ok(true) => return child.wait().map(|status| status.success()).map_err(failed),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(failed(error)),
            Ok(false) | Err(_) if Instant::now() < deadline => {}
            Ok(false) | Err(_) => {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
        }
    }
}
