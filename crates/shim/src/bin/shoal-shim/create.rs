//! Making a container, in one of three ways: by the built-in runtime, by another one, or from the files of a checkpoint.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use ::shim::{ForeignRuntime, ShimSpec};
use runtime::cgroup::Cgroup;
use runtime::cgroup::systemd::{Scope, unit_of};
use runtime::checkpoint::{RestoreOptions, Restoring};
use runtime::oci::Spec;
use runtime::{Console, CreateOptions, Extra, Gate, Memory, Stdio};

use crate::execs::Execs;
use crate::foreign::{self, Foreign};
use crate::health::Health;
use crate::input::Input;
use crate::log::{Log, Stream};
use crate::output::{Output, set_nonblocking};
use crate::setup::take_stdin;
use crate::shim::{Body, Shim};
use crate::{Failure, streams};

/// Where the root of a container from files is mounted, in the shim's directory.
const ROOT_DIR: &str = "rootfs";

/// What each of the ways has made.
struct Made {
    body: Body,
    pid: i32,
    cgroup: Cgroup,
    console: Option<Console>,
    mounts: Option<OwnedFd>,
    foreign: Option<Foreign>,
}

impl Shim {
    /// Makes the container of the current directory, up to the gate.
    pub(crate) fn create() -> Result<Shim, Failure> {
        let mut shim: ShimSpec = read_json(::shim::SPEC_FILE)?;
        if shim.version != ::shim::VERSION {
            return Err(Failure::Version { found: shim.version });
        }
        let mut spec: Spec = read_json(::shim::CONFIG_FILE)?;
        let log = Log::open(shim.log.clone(), &shim.id).map_err(Failure::Log)?;
        let listener = listen().map_err(|error| Failure::File(::shim::SOCKET_FILE, error))?;
        let dir = directory()?;
        let streams =
            if shim.tty { streams::terminal(shim.console_size) } else { streams::pipes(shim.open_stdin)? };
        let scope = if shim.systemd_cgroup && shim.foreign.is_none() {
            let unit = unit_of(&mut spec, &shim.id)?;
            Some(Scope::enter(unit, &spec)?)
        } else {
            None
        };
        let stdio = streams.stdio;
        let memory = (!shim.memory.is_empty()).then(take_stdin).transpose()?;
        if memory.is_some() && (shim.foreign.is_some() || shim.restore.is_some()) {
            let what = "secrets and configs of a container with another runtime, or from a checkpoint";
            return Err(not_implemented(what));
        }
        let made = match (shim.foreign.take(), shim.restore.take()) {
            (Some(runtime), None) => by_another(&shim, spec, runtime, stdio),
            (None, Some(checkpoint)) => from_files(&shim, &spec, &dir, checkpoint, stdio),
            (None, None) => by_ourselves(&shim, &spec, &dir, stdio, memory),
            (Some(_), Some(_)) => {
                Err(not_implemented("a restore with a runtime other than the built-in one"))
            }
        }?;
        if let Some(scope) = scope {
            scope.leave_to_container();
        }
        let (mut outputs, mut input) = (streams.outputs, streams.input);
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
            init: shim.init,
            freezing: None,
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
}

fn by_ourselves(
    shim: &ShimSpec,
    spec: &Spec,
    dir: &Path,
    stdio: Stdio,
    memory: Option<OwnedFd>,
) -> Result<Made, Failure> {
    let mut created = runtime::create(
        spec,
        CreateOptions {
            id: &shim.id,
            bundle: dir,
            rootfs: &shim.rootfs,
            user: shim.user.as_deref(),
            stdio,
            init: shim.init,
            die_with_parent: true,
            gate: Gate::Handle,
            extra: Extra::default(),
            memory: memory.map(|tree| Memory { tree, targets: &shim.memory }),
        },
    )?;
    Ok(Made {
        pid: created.pid(),
        cgroup: created.cgroup().clone(),
        console: created.take_console(),
        mounts: Some(created.mount_namespace()?),
        foreign: None,
        body: Body::Own(created),
    })
}

fn by_another(shim: &ShimSpec, spec: Spec, runtime: ForeignRuntime, stdio: Stdio) -> Result<Made, Failure> {
    let made = foreign::create(shim, spec, runtime, stdio)?;
    Ok(Made {
        body: Body::Foreign,
        pid: made.pid,
        cgroup: made.cgroup,
        console: made.console,
        mounts: None,
        foreign: Some(made.foreign),
    })
}

fn from_files(
    shim: &ShimSpec,
    spec: &Spec,
    dir: &Path,
    checkpoint: PathBuf,
    stdio: Stdio,
) -> Result<Made, Failure> {
    let Stdio::Fds { stdin, stdout, stderr } = stdio else {
        return Err(not_implemented("a restore of a container with a terminal"));
    };
    let place = dir.join(ROOT_DIR);
    fault::point("restore: make the root's directory");
    fs::create_dir_all(&place).map_err(|error| Failure::File("directory", error))?;
    let options = RestoreOptions {
        id: &shim.id,
        rootfs: &shim.rootfs,
        dir,
        place: &place,
        checkpoint: &checkpoint,
        streams: [stdin, stdout, stderr],
    };
    let restoring = Restoring::prepare(spec, options)?;
    Ok(Made {
        pid: restoring.pid(),
        cgroup: restoring.cgroup().clone(),
        console: None,
        mounts: None,
        foreign: None,
        body: Body::Frozen(Box::new(restoring)),
    })
}

fn not_implemented(what: &'static str) -> Failure {
    Failure::Runtime(runtime::Error::NotImplemented(what))
}

/// The container's, in which this program has been started.
pub(crate) fn directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| Failure::File("directory", error))
}

pub(crate) fn read_json<T: serde::de::DeserializeOwned>(name: &'static str) -> Result<T, Failure> {
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
