//! The hooks that later commands than `create` run.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use runtime::hook::Hooked;
use runtime::oci::Spec;

use crate::container::CONFIG;
use crate::failure::{Failure, Outcome};
use crate::state::State;

/// Runs the `poststart` hooks. If one fails, the container is ended.
pub(crate) fn poststart(state: &State, dir: &Path) -> Outcome<()> {
    let (Some(spec), Some(process)) = (spec_with_hooks(dir)?, state.process) else {
        return Ok(());
    };
    let run = hooked(&spec, state).poststart(process.pid);
    if run.is_err() {
        state.cgroup()?.kill()?;
    }
    run.map_err(Into::into)
}

/// Runs the `poststop` hooks of a container that is gone but for its directory.
pub(crate) fn poststop(state: &State, dir: &Path) {
    // Without its configuration, because its making has failed early, none of its hooks has run.
    let Ok(Some(spec)) = spec_with_hooks(dir) else {
        return;
    };
    for error in hooked(&spec, state).poststop() {
        // As the specification wants it: told, and nothing else comes of it.
        let _ = writeln!(io::stderr(), "shoal-runtime: warning: {error}");
    }
}

fn hooked<'a>(spec: &'a Spec, state: &'a State) -> Hooked<'a> {
    Hooked { spec, id: &state.id, bundle: &state.bundle }
}

/// The configuration, if there may be hooks in it: reading all of it is most of the work of a short command.
fn spec_with_hooks(dir: &Path) -> Outcome<Option<Spec>> {
    const KEY: &[u8] = b"\"hooks\"";
    let file = dir.join(CONFIG);
    let bytes = fs::read(&file).map_err(Failure::file(&file))?;
    if !bytes.windows(KEY.len()).any(|window| window == KEY) {
        return Ok(None);
    }
    runtime::read_spec(&bytes).map(Some).map_err(|error| Failure::file(file)(error.into()))
}
