//! The OCI runtime command line: `create`, `start`, `state`, `kill`, `delete`, `run`.
//!
//! A container is a directory `<root>/<id>` with `state.json`, and until it is started `gate.sock`. All other verbs and
//! options of an OCI runtime say that they are not implemented.

mod arguments;
mod state;
mod verb;

use std::io::Write;
use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let outcome = Arguments::parse(std::env::args().skip(1)).and_then(verb::run);
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "shoal-runtime: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
