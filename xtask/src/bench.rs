//! `cargo xtask bench`: the same API calls on shoald and, where it is installed, on dockerd, in one run.
//!
//! Figures on a shared machine vary: read the ratios, from several runs.

mod daemon;
mod dns;
mod image;
mod measure;
mod network;
mod runtime;
mod swarm;
mod table;

use std::path::Path;

use anyhow::Result;

use crate::build;
use crate::install::{BUSYBOX, REGISTRY, install};
use crate::process::{find, is_root};
use daemon::Daemon;

const USAGE: &str = "usage: cargo xtask bench [-- [-n REPETITIONS] [containers|images|dns|network|swarm]]";

/// Runs the comparison; `-n N` sets the repetitions, a word leaves the others out.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    if args == ["serve"] {
        return network::serve();
    }
    anyhow::ensure!(is_root(), "the benchmark starts containers and needs root: run it with sudo");
    let (repetitions, half) = match args {
        ["-n", count, half @ ..] => (count.parse()?, half),
        half => (measure::DEFAULT_REPETITIONS, half),
    };
    let (containers, images) = match half {
        [] => (true, true),
        ["containers"] => (true, false),
        ["images"] => (false, true),
        ["dns"] => return dns::measure(),
        ["network"] => return network::run(repetitions),
        ["swarm"] => return swarm::run(),
        _ => anyhow::bail!(USAGE),
    };
    install(&[BUSYBOX, REGISTRY])?;
    let programs = build::release()?;
    let base = std::env::temp_dir().join(format!("shoal-bench.{}", std::process::id()));
    let mut daemons = vec![Daemon::start("shoald", &programs.join("shoald"), &base, "172.30.0.1/16")?];
    match find("dockerd") {
        Some(dockerd) => daemons.push(Daemon::start("dockerd", &dockerd, &base, "172.31.0.1/16")?),
        None => println!("dockerd is not installed (Debian: docker.io): figures without a comparison"),
    }
    let outcome = compare(&daemons, &base, repetitions, containers, images);
    drop(daemons);
    let runtimes = if containers { runtime::measure(&programs, &base, repetitions) } else { Ok(Vec::new()) };
    std::fs::remove_dir_all(&base).ok();
    outcome?;
    for (index, runtime::Figure { name, seconds }) in runtimes?.into_iter().enumerate() {
        if index == 0 {
            println!("\n{:48} {:>10}", "`true` run by a runtime's command line", "seconds");
        }
        println!("{name:48} {seconds:>10.4}");
    }
    Ok(())
}

/// Prints each half once it is whole, so that a failure in the second does not hide the first.
fn compare(
    daemons: &[Daemon],
    base: &Path,
    repetitions: usize,
    containers: bool,
    images: bool,
) -> Result<()> {
    if containers {
        measure::measure(daemons, repetitions)?.print();
    }
    if images {
        image::measure(daemons, base)?.print();
        println!("{:48} {:>10.4}", "a plain write of these 6,000 files (s)", image::floor(base)?);
    }
    Ok(())
}
