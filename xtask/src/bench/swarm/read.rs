//! How long lists take of many services and tasks: through the API of the leader and of another manager, and by each daemon's client.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};

use super::lan::{Lan, Machine};
use crate::bench::table::Table;

/// How often each list is asked for; the median counts.
const REPETITIONS: usize = 21;

/// `service` is one of many; `client` is the daemon's own.
pub(super) fn measure(lan: &Lan, service: &str, client: &Path, table: &mut Table) -> Result<()> {
    let leader = lan.leader()?;
    let of_service = format!("/tasks?filters=%7B%22service%22%3A%5B%22{service}%22%5D%7D");
    let lists = [
        ("services with their counts", "/services?status=true"),
        ("tasks", "/tasks"),
        ("tasks of one service", of_service.as_str()),
    ];
    for (index, machine) in lan.managers() {
        let role = if index == leader { "leader" } else { "another manager" };
        for (what, path) in lists {
            let took = median(|| machine.daemon.read(path).map(drop))?;
            table.add(&format!("list {what}, {role} (ms)"), took);
        }
    }
    let machine = &lan.machines[leader];
    for words in [&["service", "ls"][..], &["service", "ps", service]] {
        let took = median(|| ask(client, machine, words))?;
        table.add(&format!("the client's `{}` (ms)", words[..2].join(" ")), took);
    }
    Ok(())
}

fn ask(client: &Path, machine: &Machine, words: &[&str]) -> Result<()> {
    let mut command = Command::new(client);
    let status = command.args(["-H", &machine.daemon.host()]).args(words).stdout(Stdio::null()).status()?;
    if !status.success() {
        bail!("{}: {words:?}: {status}", client.display());
    }
    Ok(())
}

/// In milliseconds.
fn median(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut took = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let began = Instant::now();
        work()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[REPETITIONS / 2])
}
