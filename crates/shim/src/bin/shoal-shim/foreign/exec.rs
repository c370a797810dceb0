//! An additional process that the other runtime makes, with its own `exec`: the only way into a container that is a machine.
//!
//! The call is not waited for: it is a child like any other, reaped with the others, while the container's streams are served.
//! Its end says whether the program runs, and a file which process that is. The program becomes the shim's child then, since
//! the shim adopts what the runtime leaves.

use std::fs;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::Stdio;
use runtime::oci::Process;

use super::call;
use super::console::Console;
use super::{Foreign, pid_in, settle, user};
use crate::Failure;

/// What runtimes say of a container whose first process has ended.
const ENDED: [&str; 3] = ["stopped container", "is not running", "not running"];

/// A call that has been made. What it leaves in the directory goes with this.
pub(crate) struct Starting {
    /// The runtime's process; not reaped while `ended` tells nothing.
    call: Pid,
    deadline: Instant,
    ended: Option<bool>,
    console: Option<Console>,
    size: Option<(u16, u16)>,
    process: PathBuf,
    pid: PathBuf,
    log: PathBuf,
}

/// The program runs.
pub(crate) struct Started {
    pub(crate) pid: i32,
    pub(crate) console: Option<OwnedFd>,
}

impl Foreign {
    /// Calls the runtime to run `process` in the container. `number` keeps the files of several calls apart.
    pub(crate) fn exec(
        &self,
        mut process: Process,
        user: Option<&str>,
        number: u32,
        stdio: Stdio,
    ) -> Result<Starting, Failure> {
        let size = if let Stdio::Console { size } = &stdio { *size } else { None };
        user::number(&mut process, user, &self.groups, &self.root)?;
        settle(&mut process, size);
        let name = |what: &str| self.dir.join(format!("exec-{number}.{what}"));
        let mut starting = Starting {
            call: Pid::from_raw(0),
            deadline: Instant::now() + call::LIMIT,
            ended: None,
            console: None,
            size,
            process: name("process"),
            pid: name("pid"),
            log: name("log"),
        };
        let json = serde_json::to_vec(&process).map_err(|error| Failure::File("process", error.into()))?;
        fault::point("foreign: write process");
        fs::write(&starting.process, json).map_err(|error| Failure::File("process", error))?;
        // What an earlier call has said is not this one's answer.
        let _ = fs::remove_file(&starting.pid);
        let streams = match stdio {
            Stdio::Fds { stdin, stdout, stderr } => Some([stdin, stdout, stderr]),
            Stdio::Console { .. } => {
                let console = Console::listen(format!("exec-{number}.sock"));
                starting.console = Some(console.map_err(|error| Failure::File("console", error))?);
                None
            }
        };
        let (process, pid) = (starting.process.display().to_string(), starting.pid.display().to_string());
        let socket = starting.console.as_ref().map(Console::path);
        let mut arguments = vec!["exec", "--detach", "--process", &process, "--pid-file", &pid];
        if let Some(socket) = &socket {
            arguments.extend(["--console-socket", socket]);
        }
        arguments.push(&self.id);
        fault::point("foreign: exec");
        starting.call = self.call.spawn(&starting.log, &arguments, streams)?;
        Ok(starting)
    }

    /// What came of a call, once it has ended; `None` until then.
    pub(crate) fn started(&self, starting: &Starting) -> Result<Option<Started>, Failure> {
        let failed = |what| move |error: std::io::Error| Failure::File(what, error);
        match starting.ended {
            None => Ok(None),
            Some(true) => {
                let pid = pid_in(&starting.pid)?;
                if starting.waiting().is_some() {
                    // It came before the runtime's end, which may have been heard of first.
                    let _ = starting.receive();
                }
                let console = starting.console.as_ref();
                let console = console.map(|console| console.take(starting.size)).transpose();
                Ok(Some(Started { pid, console: console.map_err(failed("console"))? }))
            }
            Some(false) => {
                let refusal = self.call.refusal(&starting.log);
                let said = refusal.to_string();
                let ended = ENDED.iter().any(|words| said.contains(words));
                Err(if ended { Failure::Runtime(runtime::Error::NotRunning) } else { refusal })
            }
        }
    }
}

impl Starting {
    /// The runtime's process, while it lives: to kill it ends the attempt.
    pub(crate) fn call(&self) -> i32 {
        self.call.as_raw()
    }

    /// The process `pid` has been reaped; false: it is not the runtime's.
    pub(crate) fn reaped(&mut self, pid: i32, well: bool) -> bool {
        let is_it = self.ended.is_none() && self.call.as_raw() == pid;
        if is_it {
            self.ended = Some(well);
        }
        is_it
    }

    /// Whether it is known what came of it.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// When it has taken too long.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ends the attempt, whose failure is told when the runtime has been reaped.
    pub(crate) fn give_up(&mut self) {
        if self.ended.is_none() {
            // Not reaped yet, so that the number is its own.
            let _ = kill(self.call, Signal::SIGKILL);
        }
    }

    /// What to wait at beside the runtime's end.
    pub(crate) fn waiting(&self) -> Option<BorrowedFd<'_>> {
        self.console.as_ref().and_then(Console::waiting)
    }

    /// The runtime hands its terminal over.
    pub(crate) fn receive(&self) -> Result<(), Failure> {
        let Some(console) = &self.console else { return Ok(()) };
        console.receive().map_err(|error| Failure::File("console", error))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        for file in [&self.process, &self.pid, &self.log] {
            let _ = fs::remove_file(file);
        }
    }
}
