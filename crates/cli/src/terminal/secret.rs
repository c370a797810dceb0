//! Reading a line that nobody may see.

use std::io::BufRead;
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::error::Error;

/// While it lives, the terminal does not show what is typed. What if the program dies right here: the shell that started it
/// resets the terminal's mode, as all shells do.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn enter() -> Result<Self, Error> {
        let stdin = std::io::stdin();
        let before = tcgetattr(stdin.as_fd()).map_err(std::io::Error::from)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin.as_fd(), OptionalActions::Now, &quiet).map_err(std::io::Error::from)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to restore.
        let _ = tcsetattr(std::io::stdin().as_fd(), OptionalActions::Now, &self.before);
    }
}

/// A line of the terminal, without its end, that is not shown.
pub(crate) fn read_secret() -> Result<String, Error> {
    let _quiet = Quiet::enter()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
