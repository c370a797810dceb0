//! `create`: everything of a container but its program. Also the common part of `run`.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use runtime::cgroup::systemd::{Scope, unit_of};
use runtime::{Console, CreateOptions, Created, Extra, Gate, Rootfs, Stdio};

use crate::arguments::{Flag, Verb, Words, option, switch};
use crate::bundle::Bundle;
use crate::console;
use crate::container::NewDirectory;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::seal::seal;
use crate::state::{FileId, ProcessId, State, gate, replace};
use crate::time::rfc3339;

/// Options of `create`, and the first ones of `run`.
const FLAGS: &[Flag] = &[
    option(&["--bundle", "-b"], "DIR", "the bundle (the current directory)"),
    option(&["--console-socket"], "SOCKET", "who is sent the terminal's other side"),
    option(&["--pid-file"], "FILE", "where the first process' id is written"),
    switch(&["--no-pivot"], "move the root instead of pivoting into it"),
    switch(&["--no-new-keyring"], "keep the caller's session keyring"),
    option(&["--preserve-fds"], "N", "pass so many open files from number 3 up"),
];

pub(crate) const VERB: Verb = Verb {
    name: "create",
    usage: "ID",
    about: "create a container",
    flags: FLAGS,
    words: (1, 1),
    options_end_after: usize::MAX,
    run: create,
};

/// A container on its way.
#[derive(Debug)]
pub(crate) struct New {
    /// Ends before its directory goes, if it comes to that.
    pub(crate) created: Created,
    pub(crate) console: Option<Console>,
    pub(crate) state: State,
    pub(crate) directory: NewDirectory,
}

fn create(global: &Global, words: &Words) -> Outcome<u8> {
    seal()?;
    let new = begin(global, words, true, GateKind::Socket)?;
    finish(words, &new)?;
    fault::point("leave a container to its gate");
    new.created.detach();
    new.directory.keep();
    Ok(0)
}

/// Who starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GateKind {
    /// A later `start`.
    Socket,
    /// This process.
    Handle,
}

/// Makes the directory and in it a container whose state is complete. Nothing is left of it if what is returned is dropped.
pub(crate) fn begin(global: &Global, words: &Words, detached: bool, by: GateKind) -> Outcome<New> {
    let id = words.plain[0].as_str();
    let preserve_fds = words.number("--preserve-fds")?.unwrap_or(0);
    check_open(preserve_fds)?;
    let mut bundle = Bundle::open(Path::new(words.value("--bundle").unwrap_or(".")))?;
    let process = bundle.spec.process().as_ref();
    let terminal = process.and_then(|process| process.terminal()) == Some(true);
    console::check(terminal, detached, words.value("--console-socket"))?;
    let size = console::size(process.and_then(|process| process.console_size()), detached);
    let directory = NewDirectory::make(global, id, &bundle.config)?;
    let unit = global.systemd_cgroup.then(|| unit_of(&mut bundle.spec, id)).transpose()?;
    let mut state = State {
        id: id.to_owned(),
        cgroup: cgroup_path(&bundle, id),
        process: None,
        waits_as: FileId::of("/proc/self/exe").ok(),
        creator: ProcessId::of(std::process::id() as i32).map_err(Failure::file("/proc/self/stat"))?,
        unit: unit.as_ref().map(|unit| unit.name().to_owned()),
        created: rfc3339(SystemTime::now()),
        annotations: bundle.spec.annotations().clone().unwrap_or_default(),
        rootfs: bundle.rootfs.clone(),
        bundle: bundle.path.clone(),
    };
    // Whoever finds it half made can take it away by this.
    state.save(&directory.path)?;
    let scope = unit.map(|unit| Scope::enter(unit, &bundle.spec)).transpose()?;
    // By a descriptor: the path of a socket must be short.
    let held = fs::File::open(&directory.path).map_err(Failure::file(&directory.path))?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let mut created = runtime::create(
        &bundle.spec,
        CreateOptions {
            id,
            bundle: &bundle.path,
            rootfs: &Rootfs::Path(bundle.rootfs),
            user: None,
            stdio: if terminal { Stdio::Console { size } } else { inherited_streams()? },
            init: false,
            die_with_parent: !detached,
            gate: if by == GateKind::Handle { Gate::Handle } else { Gate::Socket(gate(&short)) },
            extra: Extra {
                no_pivot: words.has("--no-pivot"),
                no_new_keyring: words.has("--no-new-keyring"),
                preserve_fds,
            },
            memory: None,
        },
    )?;
    if let Some(scope) = scope {
        scope.leave_to_container();
    }
    let process = ProcessId::of(created.pid()).map_err(Failure::file("the first process"))?;
    state.process = Some(process);
    state.save(&directory.path)?;
    let console = created.take_console();
    Ok(New { created, console, state, directory })
}

/// Tells the world of it: the terminal and the file with the process' id.
pub(crate) fn finish(words: &Words, new: &New) -> Outcome<()> {
    if let (Some(console), Some(socket)) = (&new.console, words.value("--console-socket")) {
        console::send(Path::new(socket), console.as_fd())?;
    }
    match words.value("--pid-file") {
        Some(file) => replace(Path::new(file), new.created.pid().to_string().as_bytes()),
        None => Ok(()),
    }
}

/// Where the container's cgroup is, beneath the hierarchies.
fn cgroup_path(bundle: &Bundle, id: &str) -> PathBuf {
    let named = bundle.spec.linux().as_ref().and_then(|linux| linux.cgroups_path().clone());
    match named.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => path,
        None => Path::new("/shoal").join(id),
    }
}

/// What is passed on must be there: a descriptor of this program's own would take its number.
pub(crate) fn check_open(count: u32) -> Outcome<()> {
    for fd in (0..count).map(|n| n + 3) {
        let path = format!("/proc/self/fd/{fd}");
        fs::symlink_metadata(&path).map_err(Failure::file(path))?;
    }
    Ok(())
}

pub(crate) fn inherited_streams() -> Outcome<Stdio> {
    let own =
        |stream: &dyn AsFd| stream.as_fd().try_clone_to_owned().map_err(Failure::file("standard streams"));
    Ok(Stdio::Fds { stdin: own(&io::stdin())?, stdout: own(&io::stdout())?, stderr: own(&io::stderr())? })
}
