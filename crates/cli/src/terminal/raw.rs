//! Raw mode and the size of the terminal.

use crossterm::terminal;

use crate::error::Error;

/// While it lives, the terminal hands every key on unchanged. What if the program dies right here: the shell that
/// started it resets the terminal's mode, as all shells do.
pub(crate) struct RawMode(());

impl RawMode {
    /// Switches to raw mode.
    pub(crate) fn enter() -> Result<Self, Error> {
        terminal::enable_raw_mode()?;
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to restore.
        let _ = terminal::disable_raw_mode();
    }
}

/// Rows and columns; `None` without a terminal.
pub(crate) fn size() -> Option<(u16, u16)> {
    terminal::size()
        .ok()
        .map(|(columns, rows)| (rows, columns))
        .filter(|(rows, columns)| *rows > 0 && *columns > 0)
}
