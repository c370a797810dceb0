//! Files of lines that flags name: `--env-file`, `--label-file`.

use super::FlagError;

/// The largest file of variables or labels that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The lines that say something, with their numbers; empty ones and comments (`#`) are left out.
pub(super) fn lines(path: &str) -> Result<Vec<(usize, String)>, FlagError> {
    let unreadable = |reason: String| FlagError::Unreadable { path: path.to_owned(), reason };
    let size = std::fs::metadata(path).map_err(|error| unreadable(reason(&error)))?.len();
    if size > MAX_BYTES {
        return Err(unreadable(format!("larger than {MAX_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(reason(&error)))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let said = |line: &&str| !line.is_empty() && !line.starts_with('#');
    Ok(text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim_start()))
        .filter(|(_, line)| said(line))
        .map(|(i, line)| (i, line.to_owned()))
        .collect())
}

/// An error of the system without Rust's `(os error 2)`, in lower case as Docker's client has it.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
