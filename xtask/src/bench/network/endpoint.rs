//! One container's endpoint, added and removed with few and many ports while few and many others exist.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::host::Host;
use super::{BACK, NETWORK, in_turn, timed};
use crate::bench::measure::{prepare, remove, start};
use crate::bench::table::Table;

/// So many others, each with a published port of its own.
const OTHERS: [usize; 2] = [10, 400];
/// So many at a time are made and removed.
const WIDTH: usize = 4;
/// A daemon that makes others for this long goes on with those it has.
const BUDGET: Duration = Duration::from_secs(120);
/// Published ports of the container that is measured.
const PORTS: [u16; 2] = [1, 32];
/// How often each is added and removed; the median counts.
const ROUNDS: usize = 3;
/// The first host port of a container that is connected while it runs ...
const CONNECTED: u16 = 20_000;
/// ... and of one that is started.
const STARTED: u16 = 21_000;

/// Prints the figures beside few others before it makes the many.
pub(super) fn measure(hosts: &[Host]) -> Result<()> {
    let mut others = vec![Vec::new(); hosts.len()];
    for count in OTHERS {
        let mut table = Table::default();
        for (host, others) in hosts.iter().zip(&mut others) {
            let began = Instant::now();
            grow(host, others, count)?;
            table.add("containers beside the one that is measured", others.len() as f64);
            table.add("time to make those (s)", began.elapsed().as_secs_f64());
        }
        for ports in PORTS {
            endpoint(hosts, ports, &mut table)?;
        }
        table.print();
    }
    hosts.iter().zip(&others).try_for_each(|(host, others)| {
        let next = AtomicUsize::new(0);
        at_once(|| {
            while let Some(id) = others.get(next.fetch_add(1, Ordering::Relaxed)) {
                remove(&host.daemon, id)?;
            }
            Ok(Vec::new())
        })
        .map(|_| ())
    })
}

fn endpoint(hosts: &[Host], ports: u16, table: &mut Table) -> Result<()> {
    let name = format!("endpoint-{ports}");
    for host in hosts {
        let id = prepare(&host.daemon, &container(BACK, &published(CONNECTED, ports)))?;
        host.daemon.call("POST", &format!("/containers/{id}/rename?name={name}"), None)?;
        start(&host.daemon, &id)?;
    }
    let ask = json!({ "Container": name });
    let medians = in_turn(hosts, ROUNDS, |host| {
        let daemon = &host.daemon;
        let call = |verb| daemon.call("POST", &format!("/networks/{NETWORK}/{verb}"), Some(&ask)).map(|_| ());
        let connected = timed(|| call("connect"))?;
        let disconnected = timed(|| call("disconnect"))?;
        let id = prepare(daemon, &container(NETWORK, &published(STARTED, ports)))?;
        Ok([connected, disconnected, timed(|| start(daemon, &id))?, timed(|| remove(daemon, &id))?])
    })?;
    hosts.iter().try_for_each(|host| remove(&host.daemon, &name))?;
    let verbs = ["network connect", "network disconnect", "start", "rm -f"];
    for figures in medians {
        for (verb, seconds) in verbs.into_iter().zip(figures) {
            table.add(&format!("{verb}, published ports: {ports} (s)"), seconds);
        }
    }
    Ok(())
}

fn container(network: &str, ports: &Value) -> Value {
    let exposed: Map<String, Value> =
        ports.as_object().into_iter().flatten().map(|(port, _)| (port.clone(), json!({}))).collect();
    json!({
        "Image": "bench:latest", "Cmd": ["sleep", "100000"], "ExposedPorts": exposed,
        "HostConfig": { "NetworkMode": network, "PortBindings": ports },
    })
}

fn published(first: u16, count: u16) -> Value {
    let ports = (0..count)
        .map(|index| (format!("{}/tcp", 1000 + index), json!([{ "HostPort": (first + index).to_string() }])));
    Value::Object(ports.collect())
}

/// Starts containers until there are `count`, or the time is over.
fn grow(host: &Host, others: &mut Vec<String>, count: usize) -> Result<()> {
    let (began, next) = (Instant::now(), AtomicUsize::new(others.len()));
    let body = container(NETWORK, &json!({ "1000/tcp": [{ "HostPort": "" }] }));
    others.extend(at_once(|| {
        let mut made = Vec::new();
        while began.elapsed() < BUDGET && next.fetch_add(1, Ordering::Relaxed) < count {
            let id = prepare(&host.daemon, &body)?;
            start(&host.daemon, &id)?;
            made.push(id);
        }
        Ok(made)
    })?);
    Ok(())
}

/// What several threads make that all do the same.
fn at_once(work: impl Fn() -> Result<Vec<String>> + Sync) -> Result<Vec<String>> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WIDTH).map(|_| scope.spawn(&work)).collect();
        let mut made = Vec::new();
        for worker in workers {
            made.extend(worker.join().unwrap_or_else(|_| bail!("a worker panicked"))?);
        }
        Ok(made)
    })
}
