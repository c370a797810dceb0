//! What each source file must and must not hold.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{output, root};

/// Longest source file, in lines. The aim is 150; see CONTRIBUTING.md.
const MAX_FILE_LINES: usize = 600;
/// Files longer than this are the exception ...
const LONG_FILE_LINES: usize = 400;
/// ... of which there may be this many in a hundred.
const MAX_LONG_PERCENT: usize = 5;
/// Rooms that may hold `unsafe`.
const UNSAFE_ROOMS: [&str; 2] = ["crates/runtime", "crates/shim"];
/// Module names that say nothing.
const EMPTY_NAMES: [&str; 5] = ["util", "utils", "helper", "common", "misc"];

/// Every broken rule, with its file.
pub(super) fn check() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let (mut count, mut long) = (0, 0);
    for path in files()? {
        let text = fs::read_to_string(root().join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let lines = text.lines().count();
        count += 1;
        long += usize::from(lines > LONG_FILE_LINES);
        if lines > MAX_FILE_LINES {
            wrong.push(format!("{}: {lines} lines, the limit is {MAX_FILE_LINES}", path.display()));
        }
        wrong.extend(check_file(&path, &text).into_iter().map(|what| format!("{}: {what}", path.display())));
    }
    if long * 100 > count * MAX_LONG_PERCENT {
        wrong.push(format!("{long} of {count} files are over {LONG_FILE_LINES} lines"));
    }
    Ok(wrong)
}

/// Every Rust file that git knows, or would know.
fn files() -> Result<Vec<PathBuf>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root()).args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]);
    Ok(output(&mut git)?.lines().map(PathBuf::from).filter(|path| root().join(path).exists()).collect())
}

fn check_file(path: &Path, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.trim_start().starts_with("//!") {
        wrong.push("does not open with what it is (`//!`)".to_owned());
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if EMPTY_NAMES.contains(&stem.as_ref()) {
        wrong.push(format!("the name {stem} says nothing"));
    }
    let crate_root = ["src/lib.rs", "src/main.rs"].iter().any(|end| path.ends_with(end))
        || path.parent().is_some_and(|dir| dir.ends_with("src/bin"));
    let may_hold_unsafe = UNSAFE_ROOMS.iter().any(|room| path.starts_with(room));
    if crate_root && !may_hold_unsafe && !text.contains("#![forbid(unsafe_code)]") {
        wrong.push("lacks #![forbid(unsafe_code)]".to_owned());
    }
    let in_raft = path.starts_with("crates/manager/src/raft") || path.starts_with("xtask");
    for (number, line) in text.lines().enumerate() {
        let at = number + 1;
        if !in_raft && line.contains(concat!("open", "raft::")) {
            wrong.push(format!("line {at}: only manager::raft names openraft"));
        }
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
            if line.contains(word) && !line.contains(&format!("{word}(#")) {
                wrong.push(format!("line {at}: {word} without an issue number"));
            }
        }
        for stub in [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ig", "nore")] {
            if line.contains(stub) {
                wrong.push(format!("line {at}: {stub}"));
            }
        }
    }
    wrong
}
