//! An additional process in a running container.
//!
//! The process is a clone of the caller, which has one thread, and its child: the caller reaps it. It joins what the
//! container's first process is in (all namespaces, the cgroup), gets no more than its own specification allows, and
//! becomes its program. The caller hears of that without waiting, so that a clone that is stuck holds up nobody.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Pid, Uid};

use crate::cgroup::Cgroup;
use crate::hook::Hooked;
use crate::init::{Channel, Guest, Heard, check_labels, run_guest};
use crate::notify::HandOver;
use crate::oci;
use crate::plan::{IdMap, Process};
use crate::spawn::check_single_thread;
use crate::sys::pidfd;
use crate::sys::process::{Side, clone};
use crate::{Console, Error, Extra, Result, Stdio, seccomp};

/// How long a first process that ends may take to be gone; it waits for all others of its namespace.
const ENDING_LIMIT_MS: u16 = 500;

/// What is to run, and where.
#[derive(Debug)]
pub struct ExecOptions<'a> {
    /// The container's first process. The caller knows that the number is still its own.
    pub init: i32,
    /// The container's cgroup.
    pub cgroup: &'a Cgroup,
    /// The program and what it may do. Its `terminal` is not read, `stdio` is.
    pub process: &'a oci::Process,
    /// The container, whose system call filter becomes the process' own.
    pub container: Hooked<'a>,
    /// A user as Docker's `--user` takes it, looked up in the container's own `/etc/passwd` and `/etc/group`.
    /// `None`: the numbers in `process`.
    pub user: Option<&'a str>,
    /// Names of further groups, looked up there too.
    pub groups: Vec<String>,
    /// Standard input, output and error.
    pub stdio: Stdio,
    /// The kernel kills the process when the caller dies.
    pub die_with_parent: bool,
    /// What only a command line asks for.
    pub extra: Extra,
}

/// A process on its way to its program. Dropping it kills it; it is reaped by the caller, like any child.
#[derive(Debug)]
pub struct Executing {
    pid: i32,
    channel: Channel,
    /// Until it is done.
    hand_over: Option<HandOver>,
    settled: bool,
}

/// What an [`Executing`] has come to.
#[derive(Debug)]
pub enum Progress {
    /// The host's side of its pseudo-terminal; it is not yet running.
    Console(Console),
    /// Whoever decides on its system calls has been told; it is not yet running.
    Decided,
    /// The program runs, or has run and ended already.
    Running,
}

/// A process that runs its program.
#[derive(Debug)]
pub struct Executed {
    /// As the caller sees it.
    pub pid: i32,
    /// The host's side of its pseudo-terminal, if one was asked for.
    pub console: Option<Console>,
}

/// The namespaces that a process can be moved into, with their names in procfs.
const NAMESPACES: [(&str, libc::c_int); 7] = [
    ("user", libc::CLONE_NEWUSER),
    ("mnt", libc::CLONE_NEWNS),
    ("net", libc::CLONE_NEWNET),
    ("ipc", libc::CLONE_NEWIPC),
    ("uts", libc::CLONE_NEWUTS),
    ("cgroup", libc::CLONE_NEWCGROUP),
    ("time", libc::CLONE_NEWTIME),
];

/// Begins an additional process in a container.
///
/// # Errors
/// [`Error::NotRunning`] if the container has ended. Nothing is left behind on an error.
pub fn exec(options: ExecOptions<'_>) -> Result<Executing> {
    check_single_thread()?;
    let mut process = Process::new(options.process)?;
    process.group_names.clone_from(&options.groups);
    check_labels(&mut process.labels)?;
    let rules = options.container.spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
    let filter = rules.map(seccomp::compile).transpose()?;
    let hand_over = HandOver::new(filter.as_ref(), options.container, "running", options.init);
    let init = open_init(options.init)?;
    let namespaces = foreign_namespaces(options.init)?;
    let owner = if namespaces & libc::CLONE_NEWUSER == 0 { None } else { Some(root_outside(options.init)?) };
    let (ours, theirs) = Channel::pair()?;
    let home = enter_pid_namespace(options.init, init.as_fd())?;
    fault::point("exec: clone");
    let side = clone_into(options.cgroup, options.init);
    if let Ok(Side::Child) = side {
        let guest = Guest {
            process: &process,
            filter: filter.as_ref(),
            user: options.user,
            cgroup: options.cgroup,
            init,
            namespaces,
            owner,
            stdio: options.stdio,
            die_with_parent: options.die_with_parent,
            extra: options.extra,
        };
        run_guest(guest, theirs);
    }
    if let Some(home) = home {
        setns(home, CloneFlags::CLONE_NEWPID)
            .map_err(|error| Error::host("return from a pid namespace")(error.into()))?;
    }
    match side {
        Ok(Side::Parent(pid)) => Ok(Executing { pid, channel: ours, hand_over, settled: false }),
        Ok(Side::Child) => Err(Error::InitDied),
        // A pid namespace whose first process ends takes no more (pid_namespaces(7)), a moment before that has ended.
        Err(_) if pidfd::ends_within(init.as_fd(), ENDING_LIMIT_MS).unwrap_or(true) => Err(Error::NotRunning),
        Err(error) => Err(Error::host("clone a process for the container")(error)),
    }
}

impl Executing {
    /// The process, as the caller sees it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for the next news; call it when [`Self::as_fd`] is readable. Not to be called after
    /// [`Progress::Running`] or an error.
    ///
    /// # Errors
    /// [`Error::Init`] with exit code 126 or 127 and Docker's wording, if the program cannot be run;
    /// [`Error::NotRunning`] if the container has ended in the meantime. The process ends by itself then.
    pub fn advance(&mut self) -> Result<Progress> {
        let progress = match self.channel.hear() {
            Ok(Heard::Console(console)) => return Ok(Progress::Console(console)),
            Ok(Heard::Listener(listener)) => {
                self.hand_over.take().ok_or(Error::InitDied)?.send(self.pid, &listener)?;
                return Ok(Progress::Decided);
            }
            Ok(Heard::Closed) => Ok(Progress::Running),
            Ok(Heard::Failed(error)) => Err(error),
            Ok(Heard::Ready | Heard::Pid(_) | Heard::Mounted) => {
                return Err(Error::InitDied);
            }
            Err(error) => return Err(error),
        };
        self.settled = true;
        progress
    }

    /// Waits until the program runs. On an error the process is reaped.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn wait(mut self) -> Result<Executed> {
        let mut console = None;
        loop {
            match self.advance() {
                Ok(Progress::Console(made)) => console = Some(made),
                Ok(Progress::Decided) => {}
                Ok(Progress::Running) => return Ok(Executed { pid: self.pid, console }),
                Err(error) => {
                    let pid = Pid::from_raw(self.pid);
                    drop(self);
                    let _ = waitpid(pid, None);
                    return Err(error);
                }
            }
        }
    }
}

impl AsFd for Executing {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        if !self.settled {
            // Not reaped yet, so that the number is still its own.
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

fn open_init(pid: i32) -> Result<OwnedFd> {
    let init = pidfd::open(pid).map_err(|error| match error.raw_os_error() {
        Some(libc::ESRCH) => Error::NotRunning,
        _ => Error::host("open the container's first process")(error),
    })?;
    match pidfd::has_ended(init.as_fd()) {
        Ok(false) => Ok(init),
        Ok(true) => Err(Error::NotRunning),
        Err(error) => Err(Error::host("look at the container's first process")(error)),
    }
}

/// Those of the container's namespaces that are not our own: nobody can join the user namespace it is in.
fn foreign_namespaces(pid: i32) -> Result<libc::c_int> {
    let mut flags = 0;
    for (name, flag) in NAMESPACES {
        if is_foreign(pid, name)? {
            flags |= flag;
        }
    }
    Ok(flags)
}

/// The machine's number of the container's root, who has users of its own.
fn root_outside(pid: i32) -> Result<(Uid, Gid)> {
    let number = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        let text = fs::read_to_string(&path).map_err(|_| Error::NotRunning)?;
        Ok(IdMap::parse(&text).outside(0).unwrap_or(0))
    };
    Ok((Uid::from_raw(number("uid_map")?), Gid::from_raw(number("gid_map")?)))
}

fn is_foreign(pid: i32, name: &str) -> Result<bool> {
    let id = |path: String| match fs::metadata(&path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        // A kernel without this kind, or a process that has just ended, which the joining finds out.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::path("look at", path)(error)),
    };
    let theirs = id(format!("/proc/{pid}/ns/{name}"))?;
    Ok(theirs.is_some() && theirs != id(format!("/proc/self/ns/{name}"))?)
}

/// A pid namespace is joined by the parent of whoever shall be in it; returns the way back.
fn enter_pid_namespace(pid: i32, init: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    if !is_foreign(pid, "pid")? {
        return Ok(None);
    }
    let home = File::open("/proc/self/ns/pid").map_err(Error::path("open", "/proc/self/ns/pid"))?;
    pidfd::join(init, libc::CLONE_NEWPID).map_err(|error| match error.raw_os_error() {
        Some(libc::ESRCH) => Error::NotRunning,
        _ => Error::host("join the container's pid namespace")(error),
    })?;
    Ok(Some(home.into()))
}

/// Clones into the cgroup. A container that has made groups below its own may hold no process in its own any more: the
/// new one goes where the first process is.
fn clone_into(cgroup: &Cgroup, init: i32) -> io::Result<Side> {
    let target = cgroup.clone_target().map_err(io::Error::other)?;
    // SAFETY: `check_single_thread` has found one thread, and nothing since has made another.
    let answer = unsafe { clone(0, target.as_ref().map(AsFd::as_fd)) };
    match (answer, target) {
        (Err(error), Some(_)) if error.raw_os_error() == Some(libc::EBUSY) => {
            let target = cgroup.directory_of(init)?;
            // SAFETY: as above.
            unsafe { clone(0, Some(target.as_fd())) }
        }
        (answer, _) => answer,
    }
}
