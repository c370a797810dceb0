//! Networks on each daemon: what a network adds to a run, how many requests get through, what an endpoint costs.
//!
//! Each daemon has a network namespace of its own, so that neither's packets go through the other's rules.

mod endpoint;
mod host;
mod server;
mod traffic;

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::measure::{import, rootfs, run_to_end};
use super::table::Table;
use crate::build;
use crate::install::{BUSYBOX, IP, WRK, install};
use crate::process::{cargo, find, output};
use host::Host;
pub(super) use host::{Namespace, inside};
pub(super) use server::serve;

/// The network of a user's that containers are on.
const NETWORK: &str = "bench";
/// A network that leads nowhere: who is only on this one has no published ports.
const BACK: &str = "back";

/// Takes and prints every figure, each part once it is whole.
pub(super) fn run(repetitions: usize) -> Result<()> {
    install(&[BUSYBOX, IP, WRK])?;
    let programs = build::release()?;
    let base = std::env::temp_dir().join(format!("shoal-bench.{}", std::process::id()));
    let mut hosts = vec![Host::start("shoald", &programs.join("shoald"), &[], &base)?];
    match find("dockerd") {
        // Of this age it translates addresses of IPv6 only when told to; newer ones do so by themselves.
        Some(dockerd) => {
            hosts.push(Host::start("dockerd", &dockerd, &["--experimental", "--ip6tables"], &base)?);
        }
        None => println!("dockerd is not installed (Debian: docker.io): figures without a comparison"),
    }
    let outcome = measure(&hosts, repetitions);
    drop(hosts);
    std::fs::remove_dir_all(&base).ok();
    outcome
}

fn measure(hosts: &[Host], repetitions: usize) -> Result<()> {
    let rootfs = rootfs()?;
    for host in hosts {
        import(&host.daemon, &rootfs)?;
        let ways = json!([{ "Subnet": "10.77.0.0/16", "Gateway": "10.77.0.1" },
                          { "Subnet": "fd77::/64", "Gateway": "fd77::1" }]);
        network(host, &json!({ "Name": NETWORK, "EnableIPv6": true, "IPAM": { "Config": ways } }))?;
        let back = json!([{ "Subnet": "10.78.0.0/16" }]);
        network(host, &json!({ "Name": BACK, "Internal": true, "IPAM": { "Config": back } }))?;
    }
    runs(hosts, repetitions)?;
    traffic::measure(hosts)?.print();
    endpoint::measure(hosts)
}

fn network(host: &Host, body: &Value) -> Result<()> {
    host.daemon.call("POST", "/networks/create", Some(body)).map(|_| ())
}

/// What a network adds to a run, and what of it is the kernel's.
fn runs(hosts: &[Host], repetitions: usize) -> Result<()> {
    let mut table = Table::default();
    let medians = in_turn(hosts, repetitions, |host| {
        let one = |network| timed(|| run_to_end(&host.daemon, &["true"], network));
        Ok([one(NETWORK)?, one("none")?])
    })?;
    for [with, without] in medians {
        table.add("create+start+wait+rm `true`, user's network (s)", with);
        table.add("create+start+wait+rm `true`, no network (s)", without);
        table.add("the difference (s)", with - without);
    }
    table.print();
    let mut floor = cargo();
    floor.args(["run", "--quiet", "--release", "--package", "network", "--example", "veth_floor", "--"]);
    let said = output(floor.arg(repetitions.to_string()))?;
    let names = ["a bare network namespace (s)", "a bare veth pair with addresses (s)"];
    for (name, micros) in names.into_iter().zip(said.split_whitespace()) {
        let micros: f64 = micros.parse().context("the floor is no number")?;
        println!("{name:48} {:>10.4}", micros / 1e6);
    }
    Ok(())
}

/// Each daemon's medians, one repetition after the other on all of them.
fn in_turn<const N: usize>(
    hosts: &[Host],
    repetitions: usize,
    mut work: impl FnMut(&Host) -> Result<[f64; N]>,
) -> Result<Vec<[f64; N]>> {
    let mut taken = vec![vec![Vec::new(); N]; hosts.len()];
    for _ in 0..repetitions.max(1) {
        for (host, taken) in hosts.iter().zip(&mut taken) {
            for (value, values) in work(host)?.into_iter().zip(taken) {
                values.push(value);
            }
        }
    }
    let medians = taken.into_iter().map(|mut taken| {
        std::array::from_fn(|column| {
            taken[column].sort_by(f64::total_cmp);
            taken[column][taken[column].len() / 2]
        })
    });
    Ok(medians.collect())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64())
}
