//! The state of one container and its shim, and what changes it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use ::shim::{ErrorKind, ExitStatus, Request, Response, State, Status};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use runtime::cgroup::Cgroup;
use runtime::checkpoint::Restoring;
use runtime::{Console, Created};

use crate::connection::{Connection, Mode};
use crate::execs::Execs;
use crate::foreign::Foreign;
use crate::freeze::Freezing;
use crate::health::Health;
use crate::input::Input;
use crate::log::{Log, Moment};
use crate::output::Output;
use crate::{Failure, serve_health, time};

/// A container whose program does not run yet.
pub(crate) enum Body {
    Own(Created),
    /// Made by [`Shim::foreign`].
    Foreign,
    /// Its processes are in files.
    Frozen(Box<Restoring>),
}

/// The container, its streams and its clients.
pub(crate) struct Shim {
    pub(crate) listener: UnixListener,
    pub(crate) outputs: Vec<Output>,
    pub(crate) input: Input,
    pub(crate) log: Log,
    /// When the first process ended; its output may still be on its way.
    pub(crate) ended_at: Option<Instant>,
    pub(crate) execs: Execs,
    pub(crate) health: Option<Health>,
    pub(crate) cgroup: Cgroup,
    /// `USER` as the engine wrote it.
    pub(crate) user: Option<String>,
    pub(crate) id: String,
    /// The built-in init runs the program.
    pub(crate) init: bool,
    /// The checkpoint that is being made.
    pub(crate) freezing: Option<Freezing>,
    /// Its end is written down.
    pub(crate) settled: bool,
    pub(crate) stdin_once: bool,
    pub(crate) tty: bool,
    /// Until it is started.
    pub(crate) created: Option<Body>,
    pub(crate) console: Option<Console>,
    /// Held so that the container's end is told before its file systems are synced and unmounted, with our own end.
    pub(crate) _mounts: Option<OwnedFd>,
    /// Who made it, if not we.
    pub(crate) foreign: Option<Foreign>,
    pub(crate) pid: i32,
    pub(crate) exit: Option<ExitStatus>,
}

impl Shim {
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Does what `connection` asks for. Its answer may come later.
    pub(crate) fn handle(&mut self, connection: &mut Connection, json: &[u8]) {
        let request = match ::shim::decode::<Request>(json) {
            Ok(request) => request,
            Err(error) => {
                connection.refuse(ErrorKind::NotImplemented, error.to_string());
                return;
            }
        };
        match request {
            Request::Start => self.start(connection, false),
            Request::Restore { same_address } => self.start(connection, same_address),
            Request::Checkpoint(spec) => self.freeze(connection, spec),
            Request::Signal { signal, all } => self.signal(connection, signal, all),
            Request::Resize { rows, cols } => self.resize(connection, rows, cols),
            Request::CloseStdin => {
                self.input.close();
                connection.answer(&Response::Ok);
            }
            Request::State => connection.answer(&Response::State(self.state())),
            Request::Wait => match (self.settled, self.exit) {
                (true, Some(exit)) => connection.answer(&Response::Exited(exit)),
                _ => connection.mode = Mode::Waiting,
            },
            Request::Attach { stdin, stdout, stderr } => {
                connection.answer(&Response::Ok);
                connection.mode = Mode::Attached { stdin, stdout, stderr };
                let rest = connection.decoder.take_rest();
                if stdin {
                    self.input.push(&rest);
                }
            }
            Request::Exec(spec) => self.exec(connection, spec),
            Request::ExecSignal { id, signal } => self.signal_exec(connection, &id, signal),
            Request::ExecResize { id, rows, cols } => self.resize_exec(connection, &id, rows, cols),
            Request::ExecWait { id } => self.wait_for_exec(connection, &id),
            Request::Health { after } => serve_health::request(self, connection, after),
            Request::ExecList => connection.answer(&Response::Execs { execs: self.execs.states() }),
        }
    }

    /// An attachment has closed its side of standard input. A terminal's stays open: its end is a character.
    pub(crate) fn end_of_attached_input(&mut self) {
        if self.stdin_once && !self.tty {
            self.input.close();
        }
    }

    /// Collects every child that has ended, the container or an orphan of it.
    pub(crate) fn reap(&mut self) {
        loop {
            let (pid, code, signal) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, code, None),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32, Some(signal as i32)),
                Err(nix::Error::EINTR) => continue,
                // Nobody else has ended.
                _ => return,
            };
            self.log.reaped(pid.as_raw(), code == 0);
            if pid.as_raw() == self.pid {
                // If it has died before it was started there is nothing left to kill by its number.
                match self.created.take() {
                    Some(Body::Own(created)) => drop(created.detach()),
                    Some(Body::Frozen(restoring)) => restoring.holder_ended(),
                    Some(Body::Foreign) | None => {}
                }
                self.end(code, signal);
            } else if self.freezing.as_ref().is_some_and(|freezing| freezing.is_by(pid)) {
                self.frozen(code == 0);
            } else {
                let exit = ExitStatus {
                    code,
                    signal,
                    oom_killed: false,
                    checkpointed: false,
                    at_ns: time::now_ns(),
                };
                self.execs.reaped(pid.as_raw(), exit);
            }
        }
    }

    /// Whether the container's program runs.
    pub(crate) fn is_running(&self) -> bool {
        self.exit.is_none() && self.created.is_none()
    }

    /// The container has ended and its output is read: writes the end down, once, and leaves nothing behind.
    pub(crate) fn settle(&mut self) -> Option<ExitStatus> {
        let exit = self.exit.filter(|_| !self.settled)?;
        let now = Moment::now();
        for output in &mut self.outputs {
            output.finish(&now, &mut self.log);
        }
        self.outputs.clear();
        self.log.close();
        // What is left of these two the engine clears away when it sees the end.
        if let Some(foreign) = &self.foreign {
            foreign.delete();
        }
        let _ = self.cgroup.remove();
        let _ = write_exit(&exit);
        self.settled = true;
        Some(exit)
    }

    /// Whether the end is written down.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    fn end(&mut self, code: i32, signal: Option<i32>) {
        self.execs.kill_all();
        if let Some(health) = &mut self.health {
            health.stop();
        }
        // Without a pid namespace of its own the container may have left processes, which hold its streams.
        let _ = self.cgroup.kill();
        self.exit = Some(ExitStatus {
            code,
            signal,
            oom_killed: self.cgroup.oom_kills() > 0,
            checkpointed: false,
            at_ns: time::now_ns(),
        });
        self.ended_at = Some(Instant::now());
        self.input = Input::default();
    }

    fn start(&mut self, connection: &mut Connection, same_address: bool) {
        let Some(created) = self.created.take() else {
            connection.refuse(ErrorKind::Conflict, "the container has been started already");
            return;
        };
        let started = match (created, &self.foreign) {
            (Body::Own(created), _) => created.start().map_err(Failure::Runtime),
            (Body::Foreign, Some(foreign)) => foreign.start().map(|()| self.pid),
            (Body::Foreign, None) => Ok(self.pid),
            (Body::Frozen(restoring), _) => restoring.restore(same_address).map_err(Failure::Runtime),
        };
        match started {
            Ok(pid) => {
                // What comes back from files is another process than the one before.
                self.pid = pid;
                connection.answer(&Response::Started { pid });
                if let Some(health) = &mut self.health {
                    health.start();
                }
                // It may have ended before it was ours to reap.
                self.reap();
            }
            Err(failure) => {
                connection.answer(&failure.response());
                self.end(failure.exit_code(), None);
            }
        }
    }

    fn signal(&self, connection: &mut Connection, signal: i32, all: bool) {
        // Numbers of real-time signals have no names in the type, but may be sent.
        let valid = (1..=libc::SIGRTMAX()).contains(&signal);
        if !valid || self.exit.is_some() {
            let (kind, message) = if valid {
                (ErrorKind::Conflict, "the container has ended")
            } else {
                (ErrorKind::Invalid, "there is no such signal")
            };
            connection.refuse(kind, message);
            return;
        }
        if let (Some(foreign), false) = (&self.foreign, all) {
            match foreign.kill(signal) {
                Ok(()) => connection.answer(&Response::Ok),
                Err(failure) => connection.answer(&failure.response()),
            }
            return;
        }
        let pids = if all { self.cgroup.processes().unwrap_or_default() } else { vec![self.pid] };
        for pid in pids {
            // The first process is not reaped yet, so that its number is its own; of the others, one that
            // has just ended needs no signal.
            let _ = send_signal(pid, signal);
        }
        connection.answer(&Response::Ok);
    }

    fn resize(&self, connection: &mut Connection, rows: u16, cols: u16) {
        let Some(console) = &self.console else {
            connection.refuse(ErrorKind::Conflict, "the container has no terminal");
            return;
        };
        match runtime::resize_console(console, rows, cols) {
            Ok(()) => connection.answer(&Response::Ok),
            Err(error) => connection.refuse(ErrorKind::Internal, error.to_string()),
        }
    }

    fn state(&self) -> State {
        let status = match (&self.exit, &self.created) {
            (Some(_), _) => Status::Exited,
            (None, Some(_)) => Status::Created,
            (None, None) => Status::Running,
        };
        State {
            status,
            pid: self.pid,
            exit: self.exit,
            log_lost_bytes: self.log.lost_bytes(),
            log_dropped_lines: self.log.dropped_lines(),
        }
    }
}

pub(crate) fn send_signal(pid: i32, signal: i32) -> nix::Result<()> {
    match Signal::try_from(signal) {
        Ok(signal) => kill(Pid::from_raw(pid), signal),
        // SAFETY: numbers only.
        Err(_) => nix::errno::Errno::result(unsafe { libc::kill(pid, signal) }).map(drop),
    }
}

/// Beside and renamed: a reader sees all of it or nothing.
fn write_exit(exit: &ExitStatus) -> io::Result<()> {
    let new = format!("{}.new", ::shim::EXIT_FILE);
    fs::write(&new, serde_json::to_vec(exit)?)?;
    fs::rename(new, ::shim::EXIT_FILE)
}
