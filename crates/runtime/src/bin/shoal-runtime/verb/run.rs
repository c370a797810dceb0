//! `run`: create and start in one, in the foreground or not.

use crate::arguments::{Flag, Verb, Words, option, switch};
use crate::failure::Outcome;
use crate::foreground::{Signals, stay};
use crate::global::Global;
use crate::seal::seal;

use super::create::{GateKind, New, begin, finish};
use super::delete;

const FLAGS: &[Flag] = &[
    option(&["--bundle", "-b"], "DIR", "the bundle (the current directory)"),
    option(&["--console-socket"], "SOCKET", "who is sent the terminal's other side"),
    option(&["--pid-file"], "FILE", "where the first process' id is written"),
    switch(&["--detach", "-d"], "return when the program runs"),
    switch(&["--keep"], "do not delete the container after its end"),
    switch(&["--no-subreaper"], "accepted: the container's cgroup is emptied at its end"),
    switch(&["--no-pivot"], "move the root instead of pivoting into it"),
    switch(&["--no-new-keyring"], "keep the caller's session keyring"),
    option(&["--preserve-fds"], "N", "pass so many open files from number 3 up"),
];

pub(crate) const VERB: Verb = Verb {
    name: "run",
    usage: "ID",
    about: "create and run a container",
    flags: FLAGS,
    words: (1, 1),
    options_end_after: usize::MAX,
    run,
};

fn run(global: &Global, words: &Words) -> Outcome<u8> {
    seal()?;
    let detached = words.has("--detach");
    // Before the container exists, so that no signal is lost.
    let signals = (!detached).then(Signals::catch).transpose()?;
    let new = begin(global, words, detached, GateKind::Handle)?;
    finish(words, &new)?;
    let New { directory, state, created, console } = new;
    let Some(signals) = signals else {
        created.start()?;
        directory.keep();
        return Ok(0);
    };
    let code = created.start().map_err(Into::into).and_then(|pid| stay(pid, &signals, console.as_ref()));
    if code.is_ok() && words.has("--keep") {
        directory.keep();
        return code;
    }
    delete::clean(&state, &directory.path)?;
    code
}
