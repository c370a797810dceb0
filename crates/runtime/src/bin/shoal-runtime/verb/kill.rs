//! `kill`: a signal to the first process, or to all.

use runtime::signal;

use crate::arguments::{Verb, Words, switch};
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::global::Global;

pub(crate) const VERB: Verb = Verb {
    name: "kill",
    usage: "ID [SIGNAL]",
    about: "send a signal (SIGTERM) to a container's first process",
    flags: &[switch(&["--all", "-a"], "to all of its processes")],
    words: (1, 2),
    options_end_after: usize::MAX,
    run: kill,
};

fn kill(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::find(global, &words.plain[0])?;
    let name = words.plain.get(1).map_or("SIGTERM", String::as_str);
    let number = signal::parse(name).ok_or_else(|| Failure::Usage(format!("unknown signal {name:?}")))?;
    if !words.has("--all") {
        let process = container.state.process.filter(|p| p.is_alive()).ok_or(Failure::NotRunning)?;
        match signal::send(process.pid, number, || process.is_alive()) {
            Err(_) if !process.is_alive() => return Err(Failure::NotRunning),
            other => other?,
        }
        return thaw_the_dying(&container, number);
    }
    // In the host's pid namespace others may outlive the first process: they are still the container's.
    let cgroup = container.state.cgroup()?;
    for pid in cgroup.processes()? {
        let is_inside = || cgroup.processes().is_ok_and(|pids| pids.contains(&pid));
        // One that has just ended needs no signal.
        let _ = signal::send(pid, number, is_inside);
    }
    thaw_the_dying(&container, number)
}

/// On cgroup version 1 the frozen do not even die.
fn thaw_the_dying(container: &Container, number: i32) -> Outcome<u8> {
    let cgroup = container.state.cgroup()?;
    if number == libc::SIGKILL && cgroup.is_frozen().unwrap_or(false) {
        cgroup.thaw()?;
    }
    Ok(0)
}
