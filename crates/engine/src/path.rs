//! Paths in a container as text, which opens nothing. Pure.

/// The parts of a path, without `.` and doubled slashes; `..` is undone as text, as Docker does, and never leaves the root.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts
}
