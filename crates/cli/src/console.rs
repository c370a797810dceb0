//! Standard output and error of the program: the only place that writes to them at once; streams of containers go
//! through `attachment`.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;
use crate::format::text::plain;

/// Writes text to standard output.
pub(crate) fn out(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Writes a line to standard output.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    out(&format!("{text}\n"))
}

/// Writes text to standard error, without what could drive the terminal: much of it comes from the daemon. Nobody is left
/// to be told when that fails.
pub(crate) fn note(text: &str) {
    let lines: Vec<String> = text.split('\n').map(plain).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// Writes text to standard error as it is: a container's own words.
pub(crate) fn error(text: &str) {
    // Nobody is left to be told when that fails.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether people watch standard output.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes warnings of the daemon.
pub(crate) fn warnings<'a>(warnings: impl IntoIterator<Item = &'a String>) {
    for warning in warnings {
        note(&format!("WARNING: {warning}"));
    }
}
