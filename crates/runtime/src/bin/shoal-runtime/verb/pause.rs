//! `pause` and `resume`: all processes of a container stand still, and go on.

use crate::arguments::{Verb, Words};
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::state::Status;

pub(crate) const PAUSE: Verb = Verb {
    name: "pause",
    usage: "ID",
    about: "suspend all processes of a container",
    flags: &[],
    words: (1, 1),
    options_end_after: usize::MAX,
    run: pause,
};

pub(crate) const RESUME: Verb = Verb {
    name: "resume",
    usage: "ID",
    about: "let the processes of a paused container go on",
    flags: &[],
    words: (1, 1),
    options_end_after: usize::MAX,
    run: resume,
};

fn pause(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::lock(global, &words.plain[0])?;
    match container.status() {
        Status::Running | Status::Created => container.state.cgroup()?.freeze()?,
        Status::Stopped => return Err(Failure::NotRunning),
        status => return Err(Failure::State { action: "pause", status: status.name() }),
    }
    Ok(0)
}

fn resume(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::lock(global, &words.plain[0])?;
    let cgroup = container.state.cgroup()?;
    if container.status() == Status::Stopped {
        return Err(Failure::NotRunning);
    }
    if !cgroup.is_frozen()? {
        return Err(Failure::NotPaused);
    }
    cgroup.thaw()?;
    Ok(0)
}
