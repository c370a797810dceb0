//! A swarm of three managers and two workers on each daemon: forming it, losing parts of it, writing into it, what it weighs.
//!
//! Each machine is a network namespace on one bridge. All writes are of services, which both daemons have.

mod lan;
mod read;
mod update;
mod write;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::measure::{import, rootfs};
use super::table::Table;
use crate::build;
use crate::install::{BUSYBOX, IP, install};
use crate::process::find;
use lan::{Lan, Machine};

const MANAGERS: usize = 3;
const MACHINES: usize = 5;
const REPLICAS: usize = 20;
/// How long anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(10);
/// Services and replicas of each, for the memory.
const SERVICES: usize = 1000;
const TASKS_EACH: usize = 10;

/// Takes and prints every figure, first of shoald, then of dockerd.
pub(super) fn run() -> Result<()> {
    install(&[BUSYBOX, IP])?;
    let programs = build::release()?;
    let base = std::env::temp_dir().join(format!("shoal-bench.{}", std::process::id()));
    let mut table = Table::default();
    let ours = ("shoald", &*programs.join("shoald"), &*programs.join("shoal"));
    let mut outcome = measure(ours, &base, &mut table);
    if let (Ok(()), Some(dockerd), Some(docker)) = (&outcome, find("dockerd"), find("docker")) {
        outcome = measure(("dockerd", &dockerd, &docker), &base, &mut table);
    }
    table.print();
    std::fs::remove_dir_all(&base).ok();
    outcome
}

/// Measures the daemon of this name: its program, and its client's.
fn measure(
    (name, program, client): (&'static str, &Path, &Path),
    base: &Path,
    table: &mut Table,
) -> Result<()> {
    let mut lan = Lan::start(name, program, MACHINES, base)?;
    let rootfs = rootfs()?;
    for machine in &lan.machines {
        import(&machine.daemon, &rootfs)?;
    }
    form(&lan, table)?;
    let first = &lan.machines[0];
    let (took, service) = timed(|| {
        let id = create(first, &service("spread", REPLICAS, &[]))?;
        until("all replicas run", || Ok(running(first)?.len() == REPLICAS))?;
        Ok(id)
    })?;
    table.add("20 replicas over 5 nodes, to all running (s)", took);
    write::measure(&lan.machines[1], table)?;
    update::measure(&lan.machines[0], REPLICAS, table)?;
    lose_worker(&mut lan, table)?;
    lose_leader(&mut lan, table)?;
    drain(&lan, table)?;
    let left = lan.alive().next().context("a manager is left")?;
    left.daemon.call("DELETE", &format!("/services/{service}"), None)?;
    weigh(left, table)?;
    read::measure(&lan, &many(SERVICES / 2), client, table)
}

fn form(lan: &Lan, table: &mut Table) -> Result<()> {
    let first = &lan.machines[0];
    let address = |machine: &Machine| format!("{}:2377", machine.address);
    let body = json!({ "ListenAddr": address(first), "AdvertiseAddr": first.address });
    let (took, _) = timed(|| first.daemon.call("POST", "/swarm/init", Some(&body)))?;
    table.add("swarm init (s)", took);
    let tokens = first.daemon.call("GET", "/swarm", None)?["JoinTokens"].clone();
    let mut joins = Vec::new();
    for (index, machine) in lan.machines.iter().enumerate().skip(1) {
        let token = &tokens[if index < MANAGERS { "Manager" } else { "Worker" }];
        let body = json!({ "ListenAddr": address(machine), "AdvertiseAddr": machine.address,
                           "RemoteAddrs": [address(first)], "JoinToken": token });
        joins.push(timed(|| machine.daemon.call("POST", "/swarm/join", Some(&body)))?.0);
    }
    joins.sort_by(f64::total_cmp);
    table.add("swarm join, median (s)", joins[joins.len() / 2]);
    until("all nodes are ready", || {
        let nodes = first.daemon.call("GET", "/nodes", None)?;
        let ready = |node: &&Value| node["Status"]["State"] == "ready";
        Ok(nodes.as_array().is_some_and(|nodes| nodes.iter().filter(ready).count() == MACHINES))
    })
}

fn lose_worker(lan: &mut Lan, table: &mut Table) -> Result<()> {
    let id = node_id(&lan.machines[MACHINES - 1])?;
    lan.machines[MACHINES - 1].crash();
    let (took, ()) = timed(|| until_left(&lan.machines[0], &id))?;
    table.add("worker killed, its tasks running elsewhere (s)", took);
    Ok(())
}

fn lose_leader(lan: &mut Lan, table: &mut Table) -> Result<()> {
    let leader = lan.leader()?;
    let other = (leader + 1) % MANAGERS;
    let id = node_id(&lan.machines[leader])?;
    lan.machines[leader].crash();
    let mut probes = 0;
    let other = &lan.machines[other];
    let (took, ()) = timed(|| {
        until("a write is accepted", || {
            // Another name each time: one that was refused may have been taken all the same.
            probes += 1;
            Ok(create(other, &service(&format!("probe{probes}"), 0, &[])).is_ok())
        })
    })?;
    table.add("leader killed, next write accepted (s)", took);
    until_left(other, &id)
}

fn drain(lan: &Lan, table: &mut Table) -> Result<()> {
    let manager = lan.alive().next().context("a manager is left")?;
    let id = node_id(&lan.machines[MACHINES - 2])?;
    let node = manager.daemon.call("GET", &format!("/nodes/{id}"), None)?;
    let mut spec = node["Spec"].clone();
    spec["Availability"] = json!("drain");
    let path = format!("/nodes/{id}/update?version={}", node["Version"]["Index"]);
    let (took, ()) = timed(|| {
        manager.daemon.call("POST", &path, Some(&spec))?;
        until_left(manager, &id)
    })?;
    table.add("node drained, its tasks running elsewhere (s)", took);
    Ok(())
}

/// The memory of a manager with many services and tasks, none of which can be placed: containers are not weighed here.
fn weigh(manager: &Machine, table: &mut Table) -> Result<()> {
    let began = Instant::now();
    for number in 0..SERVICES {
        create(manager, &service(&many(number), TASKS_EACH, &["node.labels.moon==full"]))?;
    }
    table.add("1,000 services created, one by one (s)", began.elapsed().as_secs_f64());
    until("all tasks are there", || {
        let tasks = manager.daemon.call("GET", "/tasks", None)?;
        Ok(tasks.as_array().is_some_and(|tasks| tasks.len() >= SERVICES * TASKS_EACH))
    })?;
    table.add("memory of a manager with them, PSS (MB)", manager.daemon.memory_mb());
    Ok(())
}

fn many(number: usize) -> String {
    format!("many{number}")
}

fn service(name: &str, replicas: usize, constraints: &[&str]) -> Value {
    json!({
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": { "Image": "bench:latest", "Args": ["sleep", "100000"], "StopGracePeriod": 1_000_000_000_u64 },
            "Placement": { "Constraints": constraints },
        },
        "Mode": { "Replicated": { "Replicas": replicas } },
    })
}

fn create(machine: &Machine, spec: &Value) -> Result<String> {
    let made = machine.daemon.call("POST", "/services/create", Some(spec))?;
    Ok(made["ID"].as_str().context("no id")?.to_owned())
}

/// The nodes of the tasks that run and are meant to.
fn running(machine: &Machine) -> Result<Vec<String>> {
    let tasks = machine.daemon.call("GET", "/tasks", None)?;
    let runs = |task: &&Value| task["Status"]["State"] == "running" && task["DesiredState"] == "running";
    let tasks = tasks.as_array().context("no list")?.iter().filter(runs);
    Ok(tasks.map(|task| task["NodeID"].as_str().unwrap_or_default().to_owned()).collect())
}

fn until_left(machine: &Machine, node_id: &str) -> Result<()> {
    until("the node is left", || {
        let nodes = running(machine)?;
        Ok(nodes.len() == REPLICAS && nodes.iter().all(|node| node != node_id))
    })
}

fn node_id(machine: &Machine) -> Result<String> {
    let info = machine.daemon.call("GET", "/info", None)?;
    Ok(info["Swarm"]["NodeID"].as_str().context("no node id")?.to_owned())
}

fn until(what: &str, mut reached: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    loop {
        let outcome = reached();
        if matches!(outcome, Ok(true)) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("{what}: not within {PATIENCE:?}: {outcome:?}");
        }
        std::thread::sleep(POLL);
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let began = Instant::now();
    let made = work()?;
    Ok((began.elapsed().as_secs_f64(), made))
}
