//! Builds the programs: the daemon and the client as usual, what runs once per container static and small.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

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

/// The programs as a developer builds them, which have crash points too.
pub(crate) fn developed() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--package", "shoald", "--package", "cli"]);
    for (package, _) in SMALL {
        build.args(["--package", package]);
    }
    run(&mut build)?;
    let triple = host()?;
    run(small_build(&triple).args(["--package", "hello-http", "--bin", "hello-http"]))?;
    let to = target_dir().join("debug");
    crate::pack::pack(&target_dir().join(&triple).join("small/hello-http"), &to.join("hello-http.tar"))?;
    Ok(to)
}

fn programs(options: &[&str]) -> Result<PathBuf> {
    run(cargo().args(["build", "--release", "--package", "shoald", "--package", "cli"]).args(options))?;
    small(options)
}

/// Builds the small programs and the demo's web server static, and puts them beside the daemon. A static
/// program starts in a third of the time, and all shims share its pages.
fn small(options: &[&str]) -> Result<PathBuf> {
    let triple = host()?;
    let mut build = small_build(&triple);
    build.args(["--package", "hello-http", "--bin", "hello-http"]);
    for (package, program) in SMALL {
        build.args(["--package", package, "--bin", program]);
    }
    run(build.args(options))?;
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

/// A cargo that builds programs that are small and static.
fn small_build(triple: &str) -> Command {
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut build = cargo();
    // The explicit target keeps the flag away from build scripts and procedural macros, which must stay dynamic.
    build.args(["build", "--profile", "small", "--target", triple]);
    // Position-dependent: without relocations to write, every shim shares the pages of its data too.
    build.env(flags, "-C target-feature=+crt-static -C relocation-model=static");
    build
}

/// The triple of this machine.
fn host() -> Result<String> {
    let said = output(Command::new("rustc").arg("-vV"))?;
    match said.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(triple) => Ok(triple.to_owned()),
        None => bail!("rustc -vV does not name the host"),
    }
}
