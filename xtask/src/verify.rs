//! What must hold before a change lands (`verify`, writes nothing), and its mechanical repair (`fix`).

use anyhow::Result;

use crate::process::{cargo, find, run};
use crate::tidy;

/// Format, tidy, clippy with warnings as errors, and cargo-deny where it is installed.
pub(crate) fn verify() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    tidy::check()?;
    // In release, so that build scripts and procedural macros serve the tests' build as well.
    run(cargo().args([
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    if find("cargo-deny").is_some() {
        run(cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
    }
    Ok(())
}

/// Lets clippy and rustfmt rewrite what they can.
pub(crate) fn fix() -> Result<()> {
    run(cargo().args([
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ]))?;
    run(cargo().args(["fmt", "--all"]))
}
