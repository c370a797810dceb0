//! What is proven a second time, on cgroup v2 alone, with an older kernel and beside systemd: the list of jobs of the
//! virtual machines.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::build;
use crate::install::{BUSYBOX, COMPOSE, CONMON, CRIU, CURL, DOCKER, IP, NFT, PODMAN, RUNC, install};
use crate::process::{cargo, output, root};
use crate::python;
use crate::test::RELEASE;
use crate::vm::{self, DISK, Job, Machine, Shared};

/// Parts of the end-to-end tests that cgroups or the older kernel could make end otherwise.
const VERBS: [&str; 7] =
    ["container::", "resource::", "exec::", "attack::", "restart::", "flag::", "checkpoint::"];
/// What needs a file system that can show other owners.
const USERS: [&str; 1] = ["userns::"];
/// What is left running when the power is cut, and what must be there when it is back.
const BEFORE_AND_AFTER: [&str; 2] = ["power::goes", "power::is_back"];
/// What other kernels lack: SCTP, macvlan and ipvlan, project quotas.
const KERNEL: [&str; 3] = ["sctp::", "parent::", "volume::a_size_is_a_quota"];
/// Programs that people have, over what cgroups or the older kernel could make end otherwise. The walks over networks and
/// volumes take minutes where each start of a client is emulated.
const CLIENTS: [&str; 7] =
    ["client::", "--skip", "network_command", "--skip", "volume", "--skip", "a_project_of_compose"];
/// Every verb, dying at its crash points.
const POINTS: [&str; 1] = ["point::"];
/// The runtime's own: limits and counters, every command, and podman on it. The specification's rules do not depend on
/// the machine.
const RUNTIME: [&str; 3] = ["cgroup", "command", "podman"];
/// Without the long versions, the points of each verb that are walked are every third; which ones, the commit decides.
const STEP: u64 = 3;
/// Names them to the tests.
const SAMPLE: &str = "SHOAL_POINTS";

/// What one job may take; it takes a third of it at most.
const LIMIT: Duration = Duration::from_secs(600);
/// The same for all points of all verbs.
const SOAK_LIMIT: Duration = Duration::from_secs(1800);

/// Builds what the machines run, and runs it; with `soak` in full.
pub(crate) fn time(soak: bool) -> Result<()> {
    install(&[BUSYBOX, COMPOSE, CURL, IP, NFT, DOCKER, PODMAN, CONMON, CRIU, RUNC])?;
    let host = build::tested()?;
    let built = |test: &str| executable(test, &RELEASE);
    let job = |executable, filter: &[&str]| Job {
        executable,
        filter: filter.iter().map(|&name| name.to_owned()).collect(),
        environment: vec![],
        limit: LIMIT,
    };
    let end_to_end = built("e2e")?;
    let points = |sample: String, limit| {
        let mut points = job(end_to_end.clone(), &POINTS);
        points.environment.push((SAMPLE, sample));
        points.limit = limit;
        points
    };
    let mut users = job(end_to_end.clone(), &USERS);
    users.environment.push(("TMPDIR", DISK.to_owned()));
    let machine = built("machine")?;
    // A power cut comes between what these two see.
    let starts = BEFORE_AND_AFTER.map(|test| vec![job(machine.clone(), &["--exact", test])]);
    let mut apart = vec![job(machine, &["--skip", "power::"])];
    for test in RUNTIME {
        let mut part = job(built(test)?, &[]);
        // podman maps users too.
        part.environment.push(("TMPDIR", DISK.to_owned()));
        apart.push(part);
    }
    apart.extend([users, job(end_to_end.clone(), &KERNEL), job(end_to_end.clone(), &CLIENTS)]);
    let mut last = vec![job(end_to_end.clone(), &VERBS)];
    // Long as two starts are, only the long versions have them.
    let mut verbs = if soak { Vec::from(starts) } else { vec![] };
    if soak {
        // Every point, each machine one of two, and how many there were.
        for (jobs, half) in [(&mut apart, "1/2"), (&mut last, "2/2")] {
            let mut points = points(half.to_owned(), SOAK_LIMIT);
            points.filter.push("--nocapture".to_owned());
            jobs.push(points);
        }
    } else {
        apart.push(points(sample(), LIMIT));
    }
    verbs.push(last);
    // About the same work for both.
    let machines =
        [Machine { name: "verbs", starts: verbs }, Machine { name: "points", starts: vec![apart] }];
    vm::run(&Shared { host, python: python::parts()? }, &machines)
}

/// Runs the end-to-end tests of these names as a developer has built them.
pub(crate) fn try_out(filter: &[&str]) -> Result<()> {
    install(&[BUSYBOX, IP, NFT, DOCKER, CRIU])?;
    let host = build::developed()?;
    let mut filter: Vec<String> = filter.iter().map(|&word| word.to_owned()).collect();
    filter.push("--nocapture".to_owned());
    // What chooses the points here does so there.
    let environment = std::env::var(SAMPLE).into_iter().map(|sample| (SAMPLE, sample)).collect();
    let job = Job {
        executable: executable("e2e", &["--package", "tests"])?,
        filter,
        environment,
        limit: SOAK_LIMIT,
    };
    let machine = Machine { name: "tried", starts: vec![vec![job]] };
    vm::run(&Shared { host, python: python::parts()? }, &[machine])
}

/// Other points for each commit, but always the same for one; the first ones where there is no repository.
fn sample() -> String {
    let commit = output(Command::new("git").args(["rev-parse", "--short=8", "HEAD"]).current_dir(root()));
    let number = commit.ok().and_then(|commit| u64::from_str_radix(commit.trim(), 16).ok()).unwrap_or(0);
    format!("{}/{STEP}", number % STEP + 1)
}

/// The test executable of this name, built with these options.
fn executable(test: &str, options: &[&str]) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["test", "--no-run", "--message-format=json", "--test", test]).args(options);
    let messages = output(&mut build)?;
    let artifact = |line: &str| -> Option<PathBuf> {
        let message: Value = serde_json::from_str(line).ok()?;
        let found = message["target"]["name"] == test && message["profile"]["test"] == true;
        Some(PathBuf::from(message["executable"].as_str().filter(|_| found)?))
    };
    messages.lines().find_map(artifact).with_context(|| format!("cargo made no test executable {test}"))
}
