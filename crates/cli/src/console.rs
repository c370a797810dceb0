//! Standard output and error of the program: the only place that writes to them at once; streams of containers go
//! through `attachment`.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;

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

/// Writes a line to standard error. Nobody is left to be told when that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether people watch standard output.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes warnings of the daemon.
pub(crate) fn warnings<'a>(warnings: impl IntoIterator<Item = &'a String>) {
    for warning in warnings {
        note(&format!("WARNING: {}", crate::format::text::plain(warning)));
    }
}
