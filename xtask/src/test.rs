//! `cargo xtask test`: every test there is, with what they need installed and built.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::build;
use crate::install::{BUSYBOX, CONMON, DOCKER, IP, NFT, PODMAN, REGISTRY, RUNC, SKOPEO, install};
use crate::process::{cargo, find, is_root, output, run as execute};
use crate::python;
use crate::vm::{self, Job};

/// Tells the tests to run their long versions too.
const SOAK: &str = "SHOAL_SOAK";
/// Tells the tests where the programs are.
const PROGRAMS: &str = "SHOAL_PROGRAMS";

/// Tells the tests which Python has the clients.
const PYTHON: &str = "SHOAL_PYTHON";
/// One build for everything.
const RELEASE: [&str; 4] = ["--release", "--workspace", "--locked", build::CRASH_POINTS];

/// Installs, builds and runs all tests; with `soak` the long ones too.
pub(crate) fn run(soak: bool) -> Result<()> {
    install(&[BUSYBOX, REGISTRY, IP, NFT, DOCKER, PODMAN, CONMON, RUNC, SKOPEO])?;
    let nextest = find("cargo-nextest").is_some();
    let words: &[&str] = if nextest { &["nextest", "run"] } else { &["test"] };
    let tests = || {
        let mut command = cargo();
        command.args(words).args(RELEASE);
        if !is_root() {
            // Each test program, not cargo, runs as root: what is built stays the user's.
            command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "sudo -E");
            command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "sudo -E");
        }
        if soak {
            command.env(SOAK, "1");
        }
        command
    };
    // The programs first: tests start them. The small ones last, over what cargo built of them on its way.
    execute(tests().arg("--no-run"))?;
    let programs = build::tested()?;
    execute(tests().env(PROGRAMS, &programs).env(PYTHON, python::furnish()?))?;
    vm::run(&programs, &jobs()?)
}

/// Parts of the end-to-end tests that cgroups or the older kernel could make end otherwise. Of the crash points those of
/// the verbs that touch the kernel most: in the machine each takes some minutes.
const SECOND_TIME: [&str; 6] =
    ["container::", "resource::", "exec::", "attack::", "point::run_and_forget", "client::the_docker_client"];

/// Builds, and runs only what runs in the virtual machine.
pub(crate) fn machine() -> Result<()> {
    install(&[BUSYBOX, DOCKER])?;
    let programs = build::tested()?;
    vm::run(&programs, &jobs()?)
}

/// What is proven once more on cgroup v2 and beside systemd.
fn jobs() -> Result<Vec<Job>> {
    let end_to_end = Job { executable: executable("e2e")?, filter: SECOND_TIME.to_vec() };
    let machine = Job { executable: executable("machine")?, filter: vec![] };
    // The runtime's own: limits and counters, every command. The specification's rules do not depend on the machine.
    let runtime = |test: &str| anyhow::Ok(Job { executable: executable(test)?, filter: vec![] });
    Ok(vec![machine, runtime("cgroup")?, runtime("command")?, end_to_end])
}

/// The test executable of this name in the package `tests`.
fn executable(test: &str) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["test", "--no-run", "--message-format=json", "--test", test]).args(RELEASE);
    let messages = output(&mut build)?;
    let artifact = |line: &str| -> Option<PathBuf> {
        let message: Value = serde_json::from_str(line).ok()?;
        let found = message["target"]["name"] == test && message["profile"]["test"] == true;
        Some(PathBuf::from(message["executable"].as_str().filter(|_| found)?))
    };
    messages.lines().find_map(artifact).with_context(|| format!("cargo made no test executable {test}"))
}
