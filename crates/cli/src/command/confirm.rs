//! The question before things are removed in bulk.

use std::io::{BufRead, Write};

use crate::error::Error;

/// Shows `warning` and asks; anything but `y` or `yes` is a no.
pub(super) fn confirm(warning: &str) -> Result<bool, Error> {
    let mut stdout = std::io::stdout().lock();
    write!(stdout, "WARNING! {warning}\nAre you sure you want to continue? [y/N] ")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
