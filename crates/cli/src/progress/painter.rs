//! Lines that change in place on a terminal, or are appended where there is none.
//!
//! In: lines with a key. Out: text with cursor movements. Keeps the number of lines below the current one, no more.

use std::io::Write;

use crate::error::Error;
use crate::format::text::plain;
use crate::terminal;

/// More lines than this are not kept for rewriting; a hostile stream cannot fill the memory with ids.
const MAX_LINES: usize = 10_000;

/// A writer of lines.
pub(super) struct Painter<W: Write> {
    to: W,
    terminal: bool,
    lines: Vec<(String, String)>,
}

impl<W: Write> Painter<W> {
    pub(super) fn new(to: W, terminal: bool) -> Self {
        Self { to, terminal, lines: Vec::new() }
    }

    /// Whether lines change in place.
    pub(super) fn rewrites(&self) -> bool {
        self.terminal
    }

    /// The width of the terminal lines change on, if it tells.
    pub(super) fn columns(&self) -> Option<usize> {
        if self.terminal { terminal::size().map(|(_, columns)| usize::from(columns)) } else { None }
    }

    /// Shows `text` for `key`: in the key's place on a terminal, appended elsewhere unless it is what the key had.
    pub(super) fn show(&mut self, key: &str, text: &str) -> Result<(), Error> {
        let mut text = plain(text);
        if let Some(columns) = self.columns() {
            // A line that wraps is two lines, and what is counted upwards would be wrong.
            text = text.chars().take(columns).collect();
        }
        let at = self.lines.iter().position(|(known, _)| known == key);
        if at.is_some_and(|at| self.lines[at].1 == text) {
            return Ok(());
        }
        match at {
            Some(at) if self.terminal => {
                let up = self.lines.len() - at;
                write!(self.to, "\x1b[{up}A\r\x1b[2K{text}\r\x1b[{up}B")?;
            }
            _ => writeln!(self.to, "{text}")?,
        }
        self.to.flush()?;
        match at {
            Some(at) => self.lines[at].1 = text,
            None if self.lines.len() < MAX_LINES => self.lines.push((key.to_owned(), text)),
            None => self.lines.clear(),
        }
        Ok(())
    }

    /// Writes a line that stays; the lines above stay too.
    pub(super) fn append(&mut self, text: &str) -> Result<(), Error> {
        self.lines.clear();
        for line in text.trim_end_matches('\n').split('\n') {
            writeln!(self.to, "{}", plain(line))?;
        }
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_on_a_terminal_and_appends_elsewhere() {
        let mut out = Vec::new();
        let mut painter = Painter::new(&mut out, true);
        painter.show("a", "a: 1").unwrap();
        painter.show("b", "b: 1").unwrap();
        painter.show("a", "a: 2").unwrap();
        painter.show("a", "a: 2").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a: 1\nb: 1\n\x1b[2A\r\x1b[2Ka: 2\r\x1b[2B");

        let mut out = Vec::new();
        let mut painter = Painter::new(&mut out, false);
        painter.show("a", "a: 1").unwrap();
        painter.show("a", "a: 1").unwrap();
        painter.show("a", "a: \x1b[2J").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a: 1\na:  [2J\n");
    }
}
