//! `cargo xtask bench`: the same API calls on shoald and, where it is installed, on dockerd, in one run.
//!
//! Figures on a shared machine vary: read the ratios, from several runs.

mod daemon;
mod measure;
mod runtime;

use anyhow::Result;

use crate::build;
use crate::install::{BUSYBOX, install};
use crate::process::{find, is_root};
use daemon::Daemon;

/// Runs the comparison; `-n N` sets the repetitions.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    anyhow::ensure!(is_root(), "the benchmark starts containers and needs root: run it with sudo");
    let repetitions = match args {
        [] => measure::DEFAULT_REPETITIONS,
        ["-n", count] => count.parse()?,
        _ => anyhow::bail!("usage: cargo xtask bench [-- -n REPETITIONS]"),
    };
    install(&[BUSYBOX])?;
    let programs = build::release()?;
    let base = std::env::temp_dir().join(format!("shoal-bench.{}", std::process::id()));
    let mut daemons = vec![Daemon::start("shoald", &programs.join("shoald"), &base, "172.30.0.1/16")?];
    match find("dockerd") {
        Some(dockerd) => daemons.push(Daemon::start("dockerd", &dockerd, &base, "172.31.0.1/16")?),
        None => println!("dockerd is not installed (Debian: docker.io): figures without a comparison"),
    }
    let table = measure::measure(&daemons, repetitions);
    drop(daemons);
    let runtimes = runtime::measure(&programs, &base, repetitions);
    std::fs::remove_dir_all(&base).ok();
    table?.print();
    println!("\n{:48} {:>10}", "`true` run by a runtime's command line", "seconds");
    for runtime::Figure { name, seconds } in runtimes? {
        println!("{name:48} {seconds:>10.4}");
    }
    Ok(())
}
