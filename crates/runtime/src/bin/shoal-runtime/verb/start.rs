//! `start`: the program of a created container.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use crate::arguments::{Verb, Words};
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::hook::poststart;
use crate::state::{Status, gate};

pub(crate) const VERB: Verb = Verb {
    name: "start",
    usage: "ID",
    about: "run the program of a created container",
    flags: &[],
    words: (1, 1),
    options_end_after: usize::MAX,
    run: start,
};

fn start(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::lock(global, &words.plain[0])?;
    match container.status() {
        Status::Created => {}
        Status::Stopped => return Err(Failure::Start("cannot start a container that has stopped")),
        _ => return Err(Failure::Start("cannot start an already running container")),
    }
    // By a descriptor: the path of a socket must be short.
    let directory = File::open(&container.dir).map_err(Failure::file(&container.dir))?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    fault::point("open the gate");
    let started = runtime::open_gate(&gate(&short));
    let gate = gate(&container.dir);
    fault::point("remove the gate");
    fs::remove_file(&gate).map_err(Failure::file(gate))?;
    started?;
    poststart(&container.state, &container.dir)?;
    Ok(0)
}
