//! House rules that no compiler checks: the arrows between rooms, who may name what, sizes, and words.

mod arrow;
mod source;

use anyhow::{Result, bail};

/// Checks everything and reports every violation, not only the first.
pub(crate) fn check() -> Result<()> {
    let mut wrong = arrow::check()?;
    wrong.extend(source::check()?);
    if wrong.is_empty() {
        return Ok(());
    }
    for line in &wrong {
        eprintln!("tidy: {line}");
    }
    bail!("{} house rules broken (see ARCHITECTURE.md)", wrong.len());
}
