//! A Python of its own for the tests, with the clients that people's programs use.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::install::{Need, install};
use crate::process::{as_root, output, run, target_dir};

const PYTHON: Need = Need { program: "python3", package: "python3" };
/// Where Debian keeps what `python3 -m venv` needs.
const VENV: &str = "python3-venv";
/// The clients, in the versions that the tests were written with.
const CLIENTS: [&str; 2] = ["docker==7.2.0", "testcontainers==4.15.0"];

/// Where the parts of a furnished Python lie, for a machine that sees them elsewhere.
pub(crate) struct Parts {
    /// The directory above `bin/python3` and its own modules.
    pub(crate) interpreter: PathBuf,
    /// The clients and what they need.
    pub(crate) packages: PathBuf,
}

/// Makes it, once; returns its parts.
pub(crate) fn parts() -> Result<Parts> {
    const ASK: &str = "import sys, sysconfig; print(sys.base_prefix); print(sysconfig.get_path('purelib'))";
    let said = output(Command::new(furnish()?).args(["-c", ASK]))?;
    let (interpreter, packages) = said.trim().split_once('\n').context("Python does not say where it is")?;
    Ok(Parts { interpreter: interpreter.into(), packages: packages.into() })
}

/// Makes it, once; returns the interpreter.
pub(crate) fn furnish() -> Result<PathBuf> {
    let dir = target_dir().join("python");
    let python = dir.join("bin/python");
    let furnished = dir.join("furnished");
    if furnished.exists() {
        return Ok(python);
    }
    install(&[PYTHON])?;
    let make = || run(Command::new("python3").args(["-m", "venv"]).arg(&dir));
    if make().is_err() {
        run(as_root("apt-get").args(["install", "-y", "-q", "--no-install-recommends", VENV]))?;
        make()?;
    }
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(CLIENTS))?;
    std::fs::write(furnished, CLIENTS.join("\n"))?;
    Ok(python)
}
