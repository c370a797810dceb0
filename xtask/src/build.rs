//! Builds the programs: the daemon and the client as usual, what runs once per container static and small.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, output, run, target_dir};

/// Programs that run once per container or node beside the daemon.
const SMALL: [(&str, &str); 3] =
    [("shim", "shoal-shim"), ("runtime", "shoal-runtime"), ("network", "shoal-net")];

/// The feature that lets a test choose where programs die; see the crate `fault`.
pub(crate) const CRASH_POINTS: &str = "--features=fault/armed";

/// Builds everything in release; returns the directory that holds the programs.
pub(crate) fn release() -> Result<PathBuf> {
    programs(&[])
}

/// The same with crash points, for tests.
pub(crate) fn tested() -> Result<PathBuf> {
    programs(&["--package=fault", CRASH_POINTS])
}

fn programs(options: &[&str]) -> Result<PathBuf> {
    run(cargo().args(["build", "--release", "--package", "shoald", "--package", "cli"]).args(options))?;
    small(options)
}

/// Builds the small programs and the demo's web server static, and puts them beside the daemon. A static
/// program starts in a third of the time, and all shims share its pages.
fn small(options: &[&str]) -> Result<PathBuf> {
    let triple = host()?;
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut build = cargo();
    // The explicit target keeps the flag away from build scripts and procedural macros, which must stay dynamic.
    build.args([
        "build",
        "--profile",
        "small",
        "--target",
        &triple,
        "--package",
        "hello-http",
        "--bin",
        "hello-http",
    ]);
    for (package, program) in SMALL {
        build.args(["--package", package, "--bin", program]);
    }
    build.args(options);
    // Position-dependent: without relocations to write, every shim shares the pages of its data too.
    run(build.env(flags, "-C target-feature=+crt-static -C relocation-model=static"))?;
    let from = target_dir().join(&triple).join("small");
    let to = target_dir().join("release");
    for (_, program) in SMALL {
        // Not over the file: cargo may have linked it to another of its own, and it may be running.
        let new = to.join(format!(".{program}.new"));
        fs::copy(from.join(program), &new).with_context(|| format!("cannot copy {program}"))?;
        fs::rename(&new, to.join(program)).with_context(|| format!("cannot replace {program}"))?;
    }
    crate::pack::pack(&from.join("hello-http"), &to.join("hello-http.tar"))?;
    Ok(to)
}

/// The triple of this machine.
fn host() -> Result<String> {
    let said = output(std::process::Command::new("rustc").arg("-vV"))?;
    match said.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(triple) => Ok(triple.to_owned()),
        None => bail!("rustc -vV does not name the host"),
    }
}
