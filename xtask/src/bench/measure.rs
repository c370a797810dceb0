//! What is measured of containers and services, in turn on each daemon.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::table::Table;

/// How often a single figure is taken; the median counts.
pub(super) const DEFAULT_REPETITIONS: usize = 15;
/// The parallel run: so many containers ...
const PARALLEL_RUNS: usize = 60;
/// ... so many at a time.
const PARALLEL_WIDTH: usize = 8;
/// Lines of the container that writes much.
const LOG_LINES: u32 = 1_000_000;
/// Containers that stay for the figure of memory.
const RESIDENTS: usize = 30;
/// Longest wait for a service.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(300);
/// Time for freshly started processes to settle before memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// Takes every figure from every daemon.
pub(super) fn measure(daemons: &[Daemon], repetitions: usize) -> Result<Table> {
    let mut table = Table::default();
    let rootfs = rootfs()?;
    for daemon in daemons {
        import(daemon, &rootfs)?;
        std::thread::sleep(SETTLE);
        table.add("daemon, idle memory, PSS (MB)", daemon.memory_mb());
    }
    for daemon in daemons {
        one(daemon)?;
        table.add("create+start+wait+rm `true`, bridge (s)", median(repetitions, || one(daemon))?);
        let bare = || run_to_end(daemon, &["true"], "none");
        table.add("create+start+wait+rm `true`, no network (s)", median(repetitions, bare)?);
    }
    for daemon in daemons {
        let id = create(daemon, &["sleep", "1000"], "default")?;
        table.add("exec `true` and its exit code (s)", median(repetitions, || exec(daemon, &id))?);
        remove(daemon, &id)?;
        table.add("rm -f of a running container (s)", remove_running(daemon, repetitions)?);
        logs(daemon, &mut table)?;
    }
    for daemon in daemons {
        table.add("60 such runs, 8 at a time (1/s)", parallel(daemon)?);
    }
    for daemon in daemons {
        table.add("memory per running container, PSS (MB)", residents(daemon)?);
    }
    for (index, daemon) in daemons.iter().enumerate() {
        services(daemon, index, &mut table)?;
    }
    Ok(table)
}

/// A tar with busybox as `true`, `sleep` and `seq`.
pub(super) fn rootfs() -> Result<Vec<u8>> {
    let Some(path) = crate::process::find("busybox") else { bail!("busybox is not installed") };
    let body = std::fs::read(path)?;
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind) in [
        ("bin/true", tar::EntryType::Regular),
        ("bin/sleep", tar::EntryType::Link),
        ("bin/seq", tar::EntryType::Link),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        if kind == tar::EntryType::Link {
            header.set_size(0);
            tar.append_link(&mut header, name, "bin/true")?;
        } else {
            header.set_size(body.len() as u64);
            tar.append_data(&mut header, name, body.as_slice())?;
        }
    }
    Ok(tar.into_inner()?)
}

/// Makes the image `bench` of such a tar.
pub(super) fn import(daemon: &Daemon, rootfs: &[u8]) -> Result<()> {
    let path = "/images/create?fromSrc=-&repo=bench&tag=latest";
    daemon.send("POST", path, "application/x-tar", rootfs).map(|_| ())
}

fn create(daemon: &Daemon, command: &[&str], network: &str) -> Result<String> {
    let body = json!({ "Image": "bench:latest", "Cmd": command, "HostConfig": { "NetworkMode": network } });
    let id = prepare(daemon, &body)?;
    start(daemon, &id)?;
    Ok(id)
}

/// Creates a container that is not started yet.
pub(super) fn prepare(daemon: &Daemon, body: &Value) -> Result<String> {
    let made = daemon.call("POST", "/containers/create", Some(body))?;
    Ok(made["Id"].as_str().unwrap_or_default().to_owned())
}

pub(super) fn start(daemon: &Daemon, id: &str) -> Result<()> {
    daemon.call("POST", &format!("/containers/{id}/start"), None).map(|_| ())
}

pub(super) fn remove(daemon: &Daemon, id: &str) -> Result<()> {
    daemon.call("DELETE", &format!("/containers/{id}?force=1"), None).map(|_| ())
}

fn one(daemon: &Daemon) -> Result<()> {
    run_to_end(daemon, &["true"], "default")
}

pub(super) fn run_to_end(daemon: &Daemon, command: &[&str], network: &str) -> Result<()> {
    let id = create(daemon, command, network)?;
    wait(daemon, &id)?;
    remove(daemon, &id)
}

fn wait(daemon: &Daemon, id: &str) -> Result<()> {
    let end = daemon.call("POST", &format!("/containers/{id}/wait"), None)?;
    ensure!(end["StatusCode"] == 0, "{}: the command ended with {end}", daemon.name);
    Ok(())
}

fn exec(daemon: &Daemon, id: &str) -> Result<()> {
    let body = json!({ "Cmd": ["true"], "AttachStdout": true, "AttachStderr": true });
    let made = daemon.call("POST", &format!("/containers/{id}/exec"), Some(&body))?;
    let path = format!("/exec/{}", made["Id"].as_str().unwrap_or_default());
    // The answer ends with the command.
    daemon.call("POST", &format!("{path}/start"), Some(&json!({ "Detach": false, "Tty": false })))?;
    let end = daemon.call("GET", &format!("{path}/json"), None)?;
    ensure!(end["ExitCode"] == 0, "{}: `true` ended with {end}", daemon.name);
    Ok(())
}

fn remove_running(daemon: &Daemon, repetitions: usize) -> Result<f64> {
    let ids = (0..repetitions.max(1)).map(|_| create(daemon, &["sleep", "1000"], "default"));
    let mut ids = ids.collect::<Result<Vec<_>>>()?.into_iter();
    median(repetitions, || ids.next().map_or(Ok(()), |id| remove(daemon, &id)))
}

fn logs(daemon: &Daemon, table: &mut Table) -> Result<()> {
    let began = Instant::now();
    let id = create(daemon, &["seq", &LOG_LINES.to_string()], "none")?;
    wait(daemon, &id)?;
    table.add("1,000,000 log lines written (s)", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let read = daemon.read(&format!("/containers/{id}/logs?stdout=1"))?;
    table.add("1,000,000 log lines read (s)", began.elapsed().as_secs_f64());
    ensure!(read.ends_with(b"1000000\n"), "{}: lines are missing", daemon.name);
    remove(daemon, &id)
}

fn median(repetitions: usize, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(repetitions);
    for _ in 0..repetitions.max(1) {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn parallel(daemon: &Daemon) -> Result<f64> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PARALLEL_WIDTH)
            .map(|_| {
                scope.spawn(|| {
                    while next.fetch_add(1, Ordering::Relaxed) < PARALLEL_RUNS {
                        one(daemon)?;
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
    })?;
    Ok(PARALLEL_RUNS as f64 / began.elapsed().as_secs_f64())
}

fn residents(daemon: &Daemon) -> Result<f64> {
    let before = daemon.memory_mb();
    let ids =
        (0..RESIDENTS).map(|_| create(daemon, &["sleep", "1000"], "default")).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(SETTLE);
    let after = daemon.memory_mb();
    ids.iter().try_for_each(|id| remove(daemon, id))?;
    Ok((after - before) / RESIDENTS as f64)
}

fn services(daemon: &Daemon, index: usize, table: &mut Table) -> Result<()> {
    let listen = format!("127.0.0.1:{}", 23770 + index);
    daemon.call(
        "POST",
        "/swarm/init",
        Some(&json!({ "ListenAddr": listen, "AdvertiseAddr": "127.0.0.1" })),
    )?;
    let mut spec = json!({
        "Name": "bench",
        "TaskTemplate": { "ContainerSpec": { "Image": "bench:latest", "Command": ["sleep", "100000"] } },
        "Mode": { "Replicated": { "Replicas": 3 } },
    });
    let began = Instant::now();
    let made = daemon.call("POST", "/services/create", Some(&spec))?;
    let path = format!("/services/{}", made["ID"].as_str().unwrap_or_default());
    until_running(daemon, 3)?;
    table.add("service of 3 replicas, to all running (s)", began.elapsed().as_secs_f64());
    let version = daemon.call("GET", &path, None)?["Version"]["Index"].clone();
    spec["Mode"]["Replicated"]["Replicas"] = json!(60);
    let began = Instant::now();
    daemon.call("POST", &format!("{path}/update?version={version}"), Some(&spec))?;
    until_running(daemon, 60)?;
    table.add("service scale 3 to 60, to all running (s)", began.elapsed().as_secs_f64());
    table.add("memory with 60 tasks, PSS (MB)", daemon.memory_mb());
    daemon.call("DELETE", &path, None)?;
    let began = Instant::now();
    while daemon.call("GET", "/containers/json", None)?.as_array().is_some_and(|list| !list.is_empty()) {
        ensure!(began.elapsed() < SERVICE_TIMEOUT, "{}: containers are left", daemon.name);
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.call("POST", "/swarm/leave?force=1", None).map(|_| ())
}

fn until_running(daemon: &Daemon, count: usize) -> Result<()> {
    let began = Instant::now();
    loop {
        let tasks = daemon.call("GET", "/tasks", None)?;
        let running = |task: &&Value| task["Status"]["State"] == "running";
        if tasks.as_array().is_some_and(|tasks| tasks.iter().filter(running).count() >= count) {
            return Ok(());
        }
        ensure!(began.elapsed() < SERVICE_TIMEOUT, "{}: not {count} tasks running", daemon.name);
        std::thread::sleep(Duration::from_millis(20));
    }
}
