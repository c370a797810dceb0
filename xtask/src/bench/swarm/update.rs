//! What an update of a whole service costs the swarm itself: its tasks end as soon as they are told to, and nothing is watched for longer.

use anyhow::{Context, Result};
use serde_json::json;

use super::lan::Machine;
use super::{create, running, service, timed, until};
use crate::bench::table::Table;

/// Tasks that are updated at once.
const TASKS: usize = 60;
/// Time for which each daemon watches an update for failures; none is not to be had.
const MONITOR_NS: u64 = 1_000_000;

pub(super) fn measure(machine: &Machine, others: usize, table: &mut Table) -> Result<()> {
    let mut spec = service("obedient", TASKS, &[]);
    spec["TaskTemplate"]["ContainerSpec"]["StopSignal"] = json!("SIGKILL");
    spec["UpdateConfig"] = json!({ "Parallelism": 0, "Monitor": MONITOR_NS, "Order": "stop-first" });
    let id = create(machine, &spec)?;
    let all = TASKS + others;
    until("all tasks run", || Ok(running(machine)?.len() == all))?;
    let path = format!("/services/{id}");
    let version = machine.daemon.call("GET", &path, None)?["Version"]["Index"].clone();
    spec["TaskTemplate"]["ForceUpdate"] = json!(1);
    let (took, ()) = timed(|| {
        machine.daemon.call("POST", &format!("{path}/update?version={version}"), Some(&spec))?;
        until("the update is completed", || {
            let service = machine.daemon.call("GET", &path, None)?;
            let state = service["UpdateStatus"]["State"].as_str();
            anyhow::ensure!(state != Some("paused"), "the update failed: {}", service["UpdateStatus"]);
            Ok(state == Some("completed"))
        })
    })?;
    table.add("rolling update of 60 tasks that end at once (s)", took);
    machine.daemon.call("DELETE", &path, None).context("remove the service")?;
    until("its tasks are gone", || Ok(running(machine)?.len() == others))
}
