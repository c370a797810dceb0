//! `delete`: what is left of a container that has ended; by force, of one that has not.

use std::fs;
use std::io;
use std::path::Path;

use runtime::cgroup::systemd::Systemd;

use crate::arguments::{Verb, Words, switch};
use crate::container::{Container, directory};
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::hook::poststop;
use crate::state::{State, Status};

pub(crate) const VERB: Verb = Verb {
    name: "delete",
    usage: "ID",
    about: "delete a container",
    flags: &[switch(&["--force", "-f"], "kill it first, if it lives; what does not exist is no error")],
    words: (1, 1),
    options_end_after: usize::MAX,
    run: delete,
};

fn delete(global: &Global, words: &Words) -> Outcome<u8> {
    let id = &words.plain[0];
    let force = words.has("--force");
    // By force nobody is waited for, who may be stuck.
    let found = if force { Container::find(global, id) } else { Container::lock(global, id) };
    let container = match found {
        Err(Failure::NotFound(_) | Failure::File { .. }) if force => {
            remove_directory(&directory(global, id)?)?;
            return Ok(0);
        }
        other => other?,
    };
    match container.status() {
        Status::Stopped => {}
        _ if force => {}
        status => return Err(Failure::NotStopped { id: id.clone(), status: status.name() }),
    }
    clean(&container.state, &container.dir)?;
    Ok(0)
}

/// Takes away all that a container is. Each step is tried, whatever became of the one before; the first failure is told, and
/// the directory stays then, so that it can be tried again.
pub(crate) fn clean(state: &State, dir: &Path) -> Outcome<()> {
    let cgroup = state.cgroup()?;
    let killed = cgroup.kill();
    // Of a container without a pid namespace of its own, or one that could not be put into its cgroup yet.
    if let Some(process) = state.process {
        // Gone already is what was wanted.
        let _ = runtime::signal::send(process.pid, 9, || process.is_alive());
    }
    let stopped = state.unit.as_deref().map_or(Ok(()), |unit| Systemd::of_machine()?.stop(unit));
    let removed = cgroup.remove();
    killed?;
    stopped?;
    removed?;
    poststop(state, dir);
    remove_directory(dir)
}

fn remove_directory(dir: &Path) -> Outcome<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(Failure::file(dir)),
    }
}
