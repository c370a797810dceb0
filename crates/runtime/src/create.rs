//! Creating a container: plan, cgroup, clone, and the gate in front of its program.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::cgroup::{self, Cgroup};
use crate::hook::{Due, Hooked};
use crate::init::{self, Channel, Heard, Surroundings};
use crate::oci::Spec;
use crate::plan::{NamespaceKind, Plan};
use crate::sys::process::{Side, clone};
use crate::{Error, Result, Rootfs, notify};

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

/// Who opens the gate in front of the container's program.
#[derive(Debug)]
pub enum Gate {
    /// The [`Created`] handle.
    Handle,
    /// Whoever calls [`open_gate`] with the path of this socket, which is made.
    Socket(PathBuf),
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

/// Opens the gate of a container that was created with [`Gate::Socket`].
///
/// # Errors
/// If nobody waits behind the socket, or the program cannot be run.
pub fn open_gate(path: &Path) -> Result<()> {
    let failed = |error: nix::Error| Error::path("open the gate", path)(error.into());
    let (socket, address) = gate_socket(path)?;
    connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).map_err(failed)?;
    let channel = Channel::from_socket(socket);
    channel.start()?;
    hear_of_program(&channel)
}

/// Waits until the program runs. One that has run and ended already also looks like this, and is reaped like any other.
fn hear_of_program(channel: &Channel) -> Result<()> {
    match channel.hear()? {
        Heard::Closed => Ok(()),
        Heard::Failed(error) => Err(error),
        Heard::Ready | Heard::Mounted | Heard::Console(_) | Heard::Listener(_) | Heard::Pid(_) => {
            Err(Error::InitDied)
        }
    }
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

    /// Leaves the container to the caller, and its gate to [`open_gate`].
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
                Heard::Listener(listener) => notify::hand_over(plan, hooked, self.pid, &listener)?,
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

/// A clone lacks all threads but one, and with them whoever would have released a lock.
pub(crate) fn check_single_thread() -> Result<()> {
    let tasks = fs::read_dir("/proc/self/task").map_err(Error::path("list", "/proc/self/task"))?;
    if tasks.count() == 1 { Ok(()) } else { Err(Error::Threaded) }
}

fn open_namespaces(plan: &Plan) -> Result<Vec<(NamespaceKind, OwnedFd)>> {
    plan.join
        .iter()
        .map(|(kind, path)| {
            File::open(path).map(|file| (*kind, file.into())).map_err(Error::path("open namespace", path))
        })
        .collect()
}

fn spawn(
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
                pinned: None,
            };
            if staged { init::stage::run(surroundings, channel) } else { init::run(surroundings, channel) }
        }
    }
}

/// The container's number, from the process that makes it, which then ends.
fn wait_for_stage(stage: i32, channel: &Channel) -> Result<i32> {
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

fn listen_at(path: &Path) -> Result<OwnedFd> {
    let failed = |error: nix::Error| Error::path("make the gate", path)(error.into());
    let (socket, address) = gate_socket(path)?;
    fault::point("runtime: make the gate");
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).map_err(failed)?;
    listen(&socket, Backlog::new(1).map_err(failed)?).map_err(failed)?;
    Ok(socket)
}

fn gate_socket(path: &Path) -> Result<(OwnedFd, UnixAddr)> {
    let failed = |error: nix::Error| Error::path("name the gate", path)(error.into());
    let address = UnixAddr::new(path).map_err(failed)?;
    let socket =
        socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
    Ok((socket, address))
}
