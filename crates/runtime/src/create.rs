//! Creating a container: plan, cgroup, clone, and the gate in front of its program.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::oci::Spec;
use crate::{Result, Rootfs};

/// How a container is created beside what its `config.json` says.
#[derive(Debug)]
pub struct CreateOptions<'a> {
    /// The container's id, for messages.
    pub id: &'a str,
    /// An existing private directory. Inside the container's mount namespace its root is mounted over it.
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
    /// Whoever opens this named pipe for reading; a failure to start is then read from it as text.
    Fifo(PathBuf),
}

/// The host's side of a container's pseudo-terminal.
pub type Console = OwnedFd;

/// A container whose program has not been started. Dropping it kills the container.
#[derive(Debug)]
pub struct Created {
    pid: i32,
    console: Option<Console>,
}

/// Makes the sandbox, with everything in it up to the program itself.
///
/// # Errors
/// Nothing is left behind on an error: no process, no cgroup.
pub fn create(_spec: &Spec, _options: CreateOptions<'_>) -> Result<Created> {
    Err(crate::Error::NotImplemented("create"))
}

impl Created {
    /// The first process, as the host sees it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The host's side of the pseudo-terminal, once, if one was asked for.
    pub fn take_console(&mut self) -> Option<Console> {
        self.console.take()
    }

    /// Opens the gate and waits until the program runs or has failed to. Returns the first process, which the
    /// caller has to reap.
    ///
    /// # Errors
    /// [`crate::Error::Init`] with exit code 126 or 127 and Docker's wording, if the program cannot be run. The process is gone then.
    pub fn start(self) -> Result<i32> {
        Err(crate::Error::NotImplemented("start"))
    }

    /// Leaves the container to whoever opens its [`Gate::Fifo`].
    pub fn detach(self) -> i32 {
        self.pid
    }
}
