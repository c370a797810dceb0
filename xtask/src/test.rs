//! `cargo xtask test`: every test there is, with what they need installed and built.

use anyhow::Result;

use crate::build;
use crate::fuzz;
use crate::install::{
    BTRFS, BUSYBOX, COMPOSE, CONMON, CONNTRACK, CRIU, CURL, DOCKER, IP, NFT, PODMAN, REGISTRY, RUNC, SKOPEO,
    UFW, install,
};
use crate::process::{cargo, find, is_root, run as execute};
use crate::python;
use crate::second;

/// Tells the tests to run their long versions too.
const SOAK: &str = "SHOAL_SOAK";
/// Tells the tests where the programs are.
const PROGRAMS: &str = "SHOAL_PROGRAMS";

/// Tells the tests which Python has the clients.
const PYTHON: &str = "SHOAL_PYTHON";
/// One build for everything.
pub(crate) const RELEASE: [&str; 4] = ["--release", "--workspace", "--locked", build::CRASH_POINTS];

/// Installs, builds and runs all tests; with `soak` the long ones too.
pub(crate) fn run(soak: bool) -> Result<()> {
    install(&[
        BTRFS, BUSYBOX, COMPOSE, CURL, REGISTRY, IP, NFT, CONNTRACK, UFW, DOCKER, PODMAN, CONMON, CRIU, RUNC,
        SKOPEO,
    ])?;
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
            if nextest {
                command.args(["--profile", "soak"]);
            }
        }
        command
    };
    // The programs first: tests start them. The small ones last, over what cargo built of them on its way.
    execute(tests().arg("--no-run"))?;
    let programs = build::tested()?;
    execute(tests().env(PROGRAMS, &programs).env(PYTHON, python::furnish()?))?;
    if soak {
        fuzz::soak()?;
    }
    second::time(soak)
}
