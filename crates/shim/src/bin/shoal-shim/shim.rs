//! The state of one container and its shim, and what changes it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Instant;

use ::shim::{ErrorKind, ExitStatus, Request, Response, ShimSpec, State, Status};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use runtime::cgroup::Cgroup;
use runtime::cgroup::systemd::{Scope, unit_of};
use runtime::oci::Spec;
use runtime::{Console, CreateOptions, Created, Extra, Gate, Stdio};

use crate::connection::{Connection, Mode};
use crate::execs::Execs;
use crate::foreign::{self, Foreign};
use crate::health::Health;
use crate::input::Input;
use crate::log::{Log, Moment, Stream};
use crate::output::{Output, set_nonblocking};
use crate::{Failure, serve_health, streams, time};

/// A container whose program does not run yet.
enum Body {
    Own(Created),
    /// Made by whom [`Shim::foreign`] names.
    Foreign,
}

/// What came of a creation, by whichever runtime.
struct Made {
    body: Body,
    pid: i32,
    cgroup: Cgroup,
    console: Option<Console>,
    mounts: Option<OwnedFd>,
    foreign: Option<Foreign>,
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
    /// Its end is written down.
    settled: bool,
    stdin_once: bool,
    tty: bool,
    /// Until it is started.
    created: Option<Body>,
    console: Option<Console>,
    /// Held so that the container's end is told before its file systems are synced and unmounted, with our own end.
    _mounts: Option<OwnedFd>,
    /// Who made it, if not we.
    foreign: Option<Foreign>,
    pid: i32,
    exit: Option<ExitStatus>,
}

impl Shim {
    /// Makes the container of the current directory, up to the gate.
    pub(crate) fn create() -> Result<Shim, Failure> {
        let shim: ShimSpec = read_json(::shim::SPEC_FILE)?;
        if shim.version != ::shim::VERSION {
            return Err(Failure::Version { found: shim.version });
        }
        let spec: Spec = read_json(::shim::CONFIG_FILE)?;
        let log = Log::open(shim.log.clone(), &shim.id).map_err(Failure::Log)?;
        let listener = listen().map_err(|error| Failure::File(::shim::SOCKET_FILE, error))?;
        let streams =
            if shim.tty { streams::terminal(shim.console_size) } else { streams::pipes(shim.open_stdin)? };
        let (mut outputs, mut input) = (streams.outputs, streams.input);
        let made = make(&shim, spec, streams.stdio)?;
        if let Some(console) = &made.console {
            let failed = |error| Failure::File("console", error);
            set_nonblocking(console).map_err(failed)?;
            outputs.push(Output::new(console.try_clone().map_err(failed)?, Stream::Stdout));
            if shim.open_stdin {
                input = Some(console.try_clone().map_err(failed)?);
            }
        }
        Ok(Shim {
            listener,
            outputs,
            input: Input::new(input),
            log,
            ended_at: None,
            settled: false,
            execs: Execs::default(),
            health: shim.health.map(Health::new),
            user: shim.user,
            id: shim.id,
            stdin_once: shim.stdin_once,
            tty: shim.tty,
            cgroup: made.cgroup,
            _mounts: made.mounts,
            foreign: made.foreign,
            pid: made.pid,
            created: Some(made.body),
            console: made.console,
            exit: None,
        })
    }

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
            Request::Start => self.start(connection),
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
                if let Some(Body::Own(created)) = self.created.take() {
                    created.detach();
                }
                self.end(code, signal);
            } else {
                let exit = ExitStatus { code, signal, oom_killed: false, at_ns: time::now_ns() };
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
        self.exit =
            Some(ExitStatus { code, signal, oom_killed: self.cgroup.oom_kills() > 0, at_ns: time::now_ns() });
        self.ended_at = Some(Instant::now());
        self.input = Input::default();
    }

    fn start(&mut self, connection: &mut Connection) {
        let Some(created) = self.created.take() else {
            connection.refuse(ErrorKind::Conflict, "the container has been started already");
            return;
        };
        let started = match (created, &self.foreign) {
            (Body::Own(created), _) => created.start().map_err(Failure::Runtime),
            (Body::Foreign, Some(foreign)) => foreign.start().map(|()| self.pid),
            (Body::Foreign, None) => Ok(self.pid),
        };
        match started {
            Ok(pid) => {
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

/// Makes the container, up to the gate.
fn make(shim: &ShimSpec, mut spec: Spec, stdio: Stdio) -> Result<Made, Failure> {
    if let Some(runtime) = shim.foreign.clone() {
        let foreign::Made { foreign, pid, cgroup, console } = foreign::create(shim, spec, runtime, stdio)?;
        return Ok(Made { body: Body::Foreign, pid, cgroup, console, mounts: None, foreign: Some(foreign) });
    }
    let scope = if shim.systemd_cgroup {
        let unit = unit_of(&mut spec, &shim.id)?;
        Some(Scope::enter(unit, &spec)?)
    } else {
        None
    };
    let mut created = runtime::create(
        &spec,
        CreateOptions {
            id: &shim.id,
            bundle: &directory()?,
            rootfs: &shim.rootfs,
            user: shim.user.as_deref(),
            stdio,
            init: shim.init,
            die_with_parent: true,
            gate: Gate::Handle,
            extra: Extra::default(),
        },
    )?;
    if let Some(scope) = scope {
        scope.leave_to_container();
    }
    Ok(Made {
        pid: created.pid(),
        cgroup: created.cgroup().clone(),
        console: created.take_console(),
        mounts: Some(created.mount_namespace()?),
        foreign: None,
        body: Body::Own(created),
    })
}

/// The container's, in which this program has been started.
pub(crate) fn directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| Failure::File("directory", error))
}

pub(crate) fn send_signal(pid: i32, signal: i32) -> nix::Result<()> {
    match Signal::try_from(signal) {
        Ok(signal) => kill(Pid::from_raw(pid), signal),
        // SAFETY: numbers only.
        Err(_) => nix::errno::Errno::result(unsafe { libc::kill(pid, signal) }).map(drop),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(name: &'static str) -> Result<T, Failure> {
    let bytes = fs::read(name).map_err(|error| Failure::File(name, error))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::File(name, error.into()))
}

fn listen() -> io::Result<UnixListener> {
    // Of a shim that died here before.
    let _ = fs::remove_file(::shim::SOCKET_FILE);
    let listener = UnixListener::bind(::shim::SOCKET_FILE)?;
    // The directory keeps others out in the meantime.
    fs::set_permissions(::shim::SOCKET_FILE, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Beside and renamed: a reader sees all of it or nothing.
fn write_exit(exit: &ExitStatus) -> io::Result<()> {
    let new = format!("{}.new", ::shim::EXIT_FILE);
    fs::write(&new, serde_json::to_vec(exit)?)?;
    fs::rename(new, ::shim::EXIT_FILE)
}
