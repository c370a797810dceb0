//! The verbs.

use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use runtime::oci::Spec;
use runtime::{CreateOptions, Created, Gate, Rootfs, Stdio};

use crate::arguments::Arguments;
use crate::state::{State, gate, started_ticks};

/// Why a verb did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The container is not in a state for it.
    #[error("container {0} {1}")]
    Container(String, &'static str),
    /// The runtime refused.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// Reading or writing this program's own files failed.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Runtime(error) => error.exit_code() as u8,
            _ => 1,
        }
    }
}

type Outcome<T> = Result<T, Failure>;

/// Does what was asked for; gives the exit code.
pub(crate) fn run(arguments: Arguments) -> Outcome<u8> {
    let dir = arguments.root.join(&arguments.id);
    match arguments.verb.as_str() {
        "create" => create(&arguments, &dir).map(|()| 0),
        "run" => create_and_wait(&arguments, &dir),
        "start" => start(&arguments.id, &dir).map(|()| 0),
        "state" => show(&arguments.id, &dir).map(|()| 0),
        "kill" => send(&arguments, &dir).map(|()| 0),
        _ => delete(&arguments, &dir).map(|()| 0),
    }
}

fn create(arguments: &Arguments, dir: &Path) -> Outcome<()> {
    make_dir(arguments, dir)?;
    let made = sandbox(arguments, dir, Gate::Socket(gate(dir)))
        .and_then(|(created, cgroup)| keep(arguments, dir, created, cgroup));
    if made.is_err() {
        let _ = fs::remove_dir_all(dir);
    }
    made.map(drop)
}

fn create_and_wait(arguments: &Arguments, dir: &Path) -> Outcome<u8> {
    make_dir(arguments, dir)?;
    let ended = sandbox(arguments, dir, Gate::Handle).and_then(|(created, _)| {
        let cgroup = created.cgroup().clone();
        write_pid(arguments, created.pid())?;
        let pid = created.start()?;
        let code = wait(pid);
        cgroup.kill()?;
        cgroup.remove()?;
        Ok(code)
    });
    let _ = fs::remove_dir_all(dir);
    ended
}

fn make_dir(arguments: &Arguments, dir: &Path) -> Outcome<()> {
    let builder = |recursive: bool| {
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700).recursive(recursive);
        builder
    };
    builder(true).create(&arguments.root).map_err(|error| Failure::File(arguments.root.clone(), error))?;
    builder(false).create(dir).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Container(arguments.id.clone(), "exists already"),
        _ => Failure::File(dir.to_owned(), error),
    })
}

fn sandbox(arguments: &Arguments, dir: &Path, gate: Gate) -> Outcome<(Created, PathBuf)> {
    let bundle = fs::canonicalize(&arguments.bundle)
        .map_err(|error| Failure::File(arguments.bundle.clone(), error))?;
    let file = bundle.join("config.json");
    let bytes = fs::read(&file).map_err(|error| Failure::File(file.clone(), error))?;
    let spec: Spec = serde_json::from_slice(&bytes).map_err(|error| Failure::File(file, error.into()))?;
    let process = spec.process().as_ref();
    if process.and_then(|process| process.terminal()) == Some(true) {
        return Err(Failure::Usage("process.terminal is not implemented".to_owned()));
    }
    let root = spec.root().as_ref().map_or(Path::new("rootfs"), |root| root.path());
    let cgroup = match spec.linux().as_ref().and_then(|linux| linux.cgroups_path().clone()) {
        Some(path) => path,
        None => Path::new("/shoal").join(&arguments.id),
    };
    let dir = fs::canonicalize(dir).map_err(|error| Failure::File(dir.to_owned(), error))?;
    let is_run = matches!(gate, Gate::Handle);
    let created = runtime::create(
        &spec,
        CreateOptions {
            id: &arguments.id,
            bundle: &dir,
            rootfs: &Rootfs::Path(bundle.join(root)),
            user: None,
            stdio: inherited_streams()?,
            init: false,
            die_with_parent: is_run,
            gate,
        },
    )?;
    Ok((created, cgroup))
}

fn inherited_streams() -> Outcome<Stdio> {
    let own = |stream: &dyn AsFd| {
        stream.as_fd().try_clone_to_owned().map_err(|error| Failure::File("standard streams".into(), error))
    };
    Ok(Stdio::Fds { stdin: own(&io::stdin())?, stdout: own(&io::stdout())?, stderr: own(&io::stderr())? })
}

fn keep(arguments: &Arguments, dir: &Path, created: Created, cgroup: PathBuf) -> Outcome<i32> {
    let pid = created.pid();
    let failed = |error| Failure::File(dir.to_owned(), error);
    let state = State {
        id: arguments.id.clone(),
        bundle: fs::canonicalize(&arguments.bundle).map_err(failed)?,
        pid,
        started_ticks: started_ticks(pid).map_err(failed)?,
        cgroup,
    };
    state.save(dir).map_err(failed)?;
    write_pid(arguments, pid)?;
    Ok(created.detach())
}

fn write_pid(arguments: &Arguments, pid: i32) -> Outcome<()> {
    match &arguments.pid_file {
        Some(file) => fs::write(file, pid.to_string()).map_err(|error| Failure::File(file.clone(), error)),
        None => Ok(()),
    }
}

fn start(id: &str, dir: &Path) -> Outcome<()> {
    load(id, dir)?;
    let gate = gate(dir);
    if !gate.exists() {
        return Err(Failure::Container(id.to_owned(), "is not waiting to be started"));
    }
    let started = runtime::open_gate(&gate);
    let _ = fs::remove_file(gate);
    Ok(started?)
}

fn show(id: &str, dir: &Path) -> Outcome<()> {
    let state = load(id, dir)?;
    let text = serde_json::to_string_pretty(&state.show(dir))
        .map_err(|error| Failure::File(dir.to_owned(), error.into()))?;
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::File("standard output".into(), error))
}

fn send(arguments: &Arguments, dir: &Path) -> Outcome<()> {
    let state = load(&arguments.id, dir)?;
    let name = arguments.signal.as_deref().unwrap_or("SIGTERM");
    let signal = signal(name).ok_or_else(|| Failure::Usage(format!("{name:?} is not a signal")))?;
    if !state.is_alive() {
        return Err(Failure::Container(arguments.id.clone(), "is not running"));
    }
    let pids = if arguments.all {
        runtime::cgroup::detect()?.cgroup(&state.cgroup)?.processes()?
    } else {
        vec![state.pid]
    };
    for pid in pids {
        // One that has just ended needs no signal.
        let _ = kill(Pid::from_raw(pid), signal);
    }
    Ok(())
}

fn signal(name: &str) -> Option<Signal> {
    if let Ok(number) = name.parse::<i32>() {
        return Signal::try_from(number).ok();
    }
    let name = name.to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    Signal::from_str(&format!("SIG{short}")).ok()
}

fn delete(arguments: &Arguments, dir: &Path) -> Outcome<()> {
    let state = match load(&arguments.id, dir) {
        Err(Failure::Container(..)) if arguments.force => {
            let _ = fs::remove_dir_all(dir);
            return Ok(());
        }
        other => other?,
    };
    if state.is_alive() && !arguments.force {
        return Err(Failure::Container(arguments.id.clone(), "is still running"));
    }
    let cgroup = runtime::cgroup::detect()?.cgroup(&state.cgroup)?;
    cgroup.kill()?;
    cgroup.remove()?;
    fs::remove_dir_all(dir).map_err(|error| Failure::File(dir.to_owned(), error))
}

fn load(id: &str, dir: &Path) -> Outcome<State> {
    State::load(dir).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Container(id.to_owned(), "does not exist"),
        _ => Failure::File(dir.join("state.json"), error),
    })
}

fn wait(pid: i32) -> u8 {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Ok(WaitStatus::Exited(_, code)) => return code as u8,
            Ok(WaitStatus::Signaled(_, signal, _)) => return 128 + signal as i32 as u8,
            Err(nix::Error::EINTR) | Ok(_) => {}
            Err(_) => return runtime::EXIT_FAILED as u8,
        }
    }
}
