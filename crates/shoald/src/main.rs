//! `shoald`, the daemon of a node: reads its configuration, opens the rooms, joins them, and waits for signals.
//!
//! The composition root: nothing here decides anything about containers or the swarm.
#![forbid(unsafe_code)]

mod collector;
mod config;
mod executor;
mod facts;
mod fsck;
mod instance;
mod listener;
mod logging;
mod node;
mod remap;
mod run;
mod setup;
mod storage;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use instance::Instance;
use logging::Logging;

/// Threads that serve requests. Two are enough to overlap: what computes or blocks has threads of its own.
const WORKER_THREADS: usize = 2;
/// Threads for blocking calls, made when needed and ended when idle.
const MAX_BLOCKING_THREADS: usize = 64;

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shoald: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<ExitCode> {
    let loaded = config::load(std::env::args())?;
    if loaded.validate {
        eprintln!("configuration OK");
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(nix::unistd::geteuid().is_root(), "the daemon needs root: it makes namespaces, mounts and links");
    if let Some(options) = loaded.fsck {
        return fsck::run(&loaded.config, options);
    }
    let logging = Logging::start(&loaded.config)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let instance = Instance::claim(&loaded.config)?;
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(run::run(&loaded, &instance, &logging));
    // Blocking calls that hang in the kernel must not keep the daemon.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome.map(|()| ExitCode::SUCCESS)
}
