//! `cargo xtask fuzz`: the targets of `fuzz/`, built for libFuzzer by the nightly compiler and run over the kept corpus.
//!
//! Without cargo-fuzz, which is only a wrapper: the same flags, and nothing to install. What a run finds new stays in
//! `fuzz/target/found/TARGET`; an input that breaks a promise is left in `fuzz/artifacts/TARGET`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{find, output, root, run as execute};

/// Every target, in the order of a short run through all.
const TARGETS: [&str; 9] = [
    "layer",
    "archive",
    "manifest",
    "index",
    "config",
    "reference",
    "change",
    "challenge",
    "extended_header",
];
/// Seconds of one target when none are told.
const SECONDS: u32 = 60;
/// Seconds of each target in a soak.
const SOAK_SECONDS: u32 = 30;
/// Largest input that is tried, in bytes; as `image::fuzzing::MAX_INPUT_BYTES`.
const MAX_LEN: u32 = 256 << 10;

/// How libFuzzer learns which ways through the program an input takes.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs one target for so many seconds.
pub(crate) fn run(target: &str, seconds: Option<&str>) -> Result<()> {
    let seconds = seconds.map(str::parse).transpose().context("seconds are a number")?.unwrap_or(SECONDS);
    if !TARGETS.contains(&target) {
        bail!("no such target; there are {}", TARGETS.join(", "));
    }
    build(&[target])?;
    fuzz(target, seconds)
}

/// Runs every target for a short while, where there is a nightly compiler.
pub(crate) fn soak() -> Result<()> {
    if !has_nightly() {
        eprintln!("skipped: fuzzing, since rustup has no nightly toolchain");
        return Ok(());
    }
    build(&TARGETS)?;
    TARGETS.iter().try_for_each(|target| fuzz(target, SOAK_SECONDS))
}

fn has_nightly() -> bool {
    find("rustup").is_some() && output(Command::new("rustup").args(["run", "nightly", "rustc", "-V"])).is_ok()
}

fn build(targets: &[&str]) -> Result<()> {
    let mut build = Command::new("rustup");
    build.current_dir(root().join("fuzz")).env("RUSTFLAGS", FLAGS);
    build.args(["run", "nightly", "cargo", "build", "--release", "--target", &triple()]);
    build.env("CARGO_TARGET_DIR", root().join("fuzz/target"));
    for target in targets {
        build.args(["--bin", target]);
    }
    execute(&mut build)
}

/// With `--target`, build scripts and macros are spared the flags.
fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

fn fuzz(target: &str, seconds: u32) -> Result<()> {
    let fuzz = root().join("fuzz");
    let (found, artifacts) = (fuzz.join("target/found").join(target), fuzz.join("artifacts").join(target));
    for directory in [&found, &artifacts] {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let mut command = Command::new(fuzz.join("target").join(triple()).join("release").join(target));
    command.arg(&found).arg(fuzz.join("corpus").join(target));
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_LEN}"));
    // The runs of one input that take longest are seconds of a busy machine; more is a finding.
    command.args(["-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    execute(&mut command)
}
