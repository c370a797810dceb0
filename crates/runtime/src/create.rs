//! Creating a container: plan, cgroup, clone, and the gate in front of its program.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::cgroup::{self, Cgroup};
use crate::gate::{Gate, hear_of_program, listen_at};
use crate::hook::{Due, Hooked};
use crate::init::{self, Channel, Heard};
use crate::memory::Memory;
use crate::notify::HandOver;
use crate::oci::Spec;
use crate::plan::Plan;
use crate::spawn::{check_single_thread, open_namespaces, spawn, wait_for_stage};
use crate::{Error, Result, Rootfs};

/// How a container is created beside what its `config.json` says.
#[derive(Debug)]
pub struct CreateOptions<'a> {
    /// The container's id, for messages.
    pub id: &'a str,
    /// The bundle, absolute: where relative sources of binds begin, and what hooks are told. An overlay is mounted over
    /// it, inside the container's mount namespace.
    pub bundle: &'a Path,
    /// The root file system; `root.path` of the specification is not read, `root.readonly` is.
    pub rootfs: &'a Rootfs,
    /// `USER` as an image writes it (`name`, `uid`, `user:group`…), looked up in the container's own
    /// `/etc/passwd` and `/etc/group`. `None`: the numbers in the specification.
    pub user: Option<&'a str>,
    /// Standard input, output and error.
    pub stdio: Stdio,
    /// Run the program under a built-in init (`docker run --init`) that reaps and passes on signals.
    pub init: bool,
    /// The kernel kills the container when the caller dies.
    pub die_with_parent: bool,
    /// Who opens the gate in front of the program.
    pub gate: Gate,
    /// What only a command line asks for.
    pub extra: Extra,
    /// Files that are on no disk, mounted after everything that the specification has.
    pub memory: Option<Memory<'a>>,
}

/// What only the command line of an OCI runtime asks for; by default nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The root is moved over `/` instead of pivoted into: an initial RAM file system cannot be pivoted away from.
    pub no_pivot: bool,
    /// The container keeps the caller's session keyring.
    pub no_new_keyring: bool,
    /// So many open files from number 3 up stay open in the container's program.
    pub preserve_fds: u32,
}

impl Extra {
    /// The numbers of the files that stay open.
    pub(crate) fn preserved(self) -> std::ops::Range<RawFd> {
        3..RawFd::try_from(self.preserve_fds).map_or(3, |count| count.saturating_add(3))
    }
}

/// The standard streams of a container.
#[derive(Debug)]
pub enum Stdio {
    /// Three open files, usually pipes.
    Fds {
        /// Read by the container.
        stdin: OwnedFd,
        /// Written by the container.
        stdout: OwnedFd,
        /// Written by the container.
        stderr: OwnedFd,
    },
    /// A new pseudo-terminal of the container's own devpts; see [`Created::take_console`].
    Console {
        /// Rows and columns.
        size: Option<(u16, u16)>,
    },
}

/// The host's side of a container's pseudo-terminal.
pub type Console = OwnedFd;

/// A container whose program has not been started. Dropping it kills the container and removes its cgroup.
#[derive(Debug)]
pub struct Created {
    pid: i32,
    console: Option<Console>,
    channel: Channel,
    cgroup: Cgroup,
    after_start: Due,
    /// Nobody else is responsible for the container yet.
    ours: bool,
}

/// Makes the sandbox, with everything in it up to the program itself.
///
/// # Errors
/// Nothing is left behind on an error: no process, no cgroup. [`Error::Init`] carries exit code 126 or 127 and
/// Docker's wording if the program cannot be run.
pub fn create(spec: &Spec, options: CreateOptions<'_>) -> Result<Created> {
    check_single_thread()?;
    if !options.bundle.is_absolute() {
        return Err(Error::Invalid(format!(
            "the bundle directory {} is not absolute",
            options.bundle.display()
        )));
    }
    let mut plan = Plan::new(spec, options.id)?;
    init::check_labels(&mut plan.process.labels)?;
    let cgroup = cgroup::detect()?.cgroup(&plan.cgroup)?;
    let join = open_namespaces(&plan)?;
    let gate = match &options.gate {
        Gate::Handle => None,
        Gate::Socket(path) => Some(listen_at(path)?),
    };
    let (ours, theirs) = Channel::pair()?;
    let undo = RemoveCgroup(&cgroup);
    fault::point("runtime: make the cgroup");
    cgroup.create(&plan.resources)?;
    let hooked = Hooked { spec, id: options.id, bundle: options.bundle };
    let pid = spawn(&plan, &cgroup, join, gate, hooked, options, theirs)?;
    let pid = if plan.is_staged() { wait_for_stage(pid, &ours)? } else { pid };
    std::mem::forget(undo);
    let after_start = hooked.due(&plan.hooks.poststart, "running", pid);
    let mut created = Created { pid, console: None, channel: ours, cgroup, after_start, ours: true };
    if let Err(error) = created.wait_until_ready(&plan, hooked) {
        drop(created);
        if plan.hooks.any_before_pivot() {
            // What those of its making have begun, those of its end take back; the first error is the one to tell.
            let _ = hooked.poststop();
        }
        return Err(error);
    }
    Ok(created)
}

/// Sets the size of a container's pseudo-terminal.
///
/// # Errors
/// If the descriptor is no terminal.
pub fn resize_console(console: &Console, rows: u16, cols: u16) -> Result<()> {
    crate::sys::tty::set_size(console.as_fd(), rows, cols).map_err(Error::host("resize the console"))
}

/// Rows and columns of a terminal; none if it is no terminal.
pub fn console_size(terminal: std::os::fd::BorrowedFd<'_>) -> Option<(u16, u16)> {
    crate::sys::tty::size(terminal).ok()
}

impl Created {
    /// The first process, as the host sees it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The container's cgroup. Whoever reaps the container removes it.
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// The container's mount namespace. Whoever holds it takes over the last unmount, which syncs the file system of
    /// the writable layer and may so take long; else the first process does, before anyone learns of its end.
    ///
    /// # Errors
    /// If procfs does not answer.
    pub fn mount_namespace(&self) -> Result<OwnedFd> {
        let path = format!("/proc/{}/ns/mnt", self.pid);
        File::open(&path).map(OwnedFd::from).map_err(Error::path("open", path))
    }

    /// The host's side of the pseudo-terminal, once, if one was asked for.
    pub fn take_console(&mut self) -> Option<Console> {
        self.console.take()
    }

    /// Opens the gate and waits until the program runs or has failed to. Returns the first process, which the
    /// caller has to reap.
    ///
    /// # Errors
    /// [`Error::Init`] with exit code 126 or 127 and Docker's wording, if the program cannot be run; [`Error::Hook`] if a
    /// `poststart` hook fails. Process and cgroup are gone then.
    pub fn start(self) -> Result<i32> {
        self.channel.start()?;
        hear_of_program(&self.channel)?;
        self.after_start.run()?;
        Ok(self.detach())
    }

    /// Leaves the container to the caller, and its gate to [`crate::open_gate`].
    pub fn detach(mut self) -> i32 {
        self.ours = false;
        self.pid
    }

    /// What a process with users of its own may not do itself.
    fn set_limits(&self, plan: &Plan) -> Result<()> {
        plan.process.rlimits.iter().try_for_each(|limit| limit.set_of(self.pid))
    }

    fn wait_until_ready(&mut self, plan: &Plan, hooked: Hooked<'_>) -> Result<()> {
        loop {
            match self.channel.hear()? {
                Heard::Ready => break,
                Heard::Mounted => {
                    hooked.due(&plan.hooks.create_runtime, "creating", self.pid).run()?;
                    self.channel.start()?;
                }
                Heard::Console(console) => self.console = Some(console),
                Heard::Listener(listener) => {
                    HandOver::new(plan.filter.as_ref(), hooked, "creating", self.pid)
                        .ok_or(Error::InitDied)?
                        .send(self.pid, &listener)?;
                }
                Heard::Pid(_) => {}
                Heard::Failed(error) => return Err(error),
                Heard::Closed => return Err(Error::InitDied),
            }
        }
        if plan.users.is_some() {
            self.set_limits(plan)?;
        }
        plan.process.schedule.apply(self.pid)
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        if !self.ours {
            return;
        }
        let pid = Pid::from_raw(self.pid);
        // The child is not reaped yet, so that the number is still its own. Nothing better can be done with an
        // error here; the engine finds the cgroup again by its name.
        let _ = kill(pid, Signal::SIGKILL);
        let _ = waitpid(pid, None);
        let _ = self.cgroup.kill();
        let _ = self.cgroup.remove();
    }
}

struct RemoveCgroup<'a>(&'a Cgroup);

impl Drop for RemoveCgroup<'_> {
    fn drop(&mut self) {
        let _ = self.0.remove();
    }
}
