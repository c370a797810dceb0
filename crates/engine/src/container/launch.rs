//! From a record to a running process, or to nothing at all.
//!
//! The order matters to a crash: the shim's directory comes first and tells a recovering engine what was going on; the
//! endpoints are written there before the program's first instruction. Whatever fails, [`undo`] takes everything back,
//! and each of its steps is harmless if there is nothing to take back.

use super::attachment::Pending;
use super::checkpoint::{self, Origin};
use super::join::{self, Joined};
use super::networks::{self, Found};
use super::places::Places;
use super::request::AttachOptions;
use crate::cgroup::{CgroupDriver, cgroup_path, oci_path};
use crate::driver::Files;
use crate::error::{Error, Result};
use crate::file;
use crate::link::{self, Link, Refused};
use crate::network::dns;
use crate::oci::{self, Run};
use crate::plan::Plan;
use crate::record::Record;
use crate::shared::{Shared, now_ns};
use crate::spec::{EndpointSpec, NetworkMode};
use crate::userns;
use crate::volume::{self, Sources};
use network::Endpoint;
use runtime::MemoryFile;
use shim::{ErrorKind, LogSpec, Request, Response, ShimSpec};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Child;

/// Exit code of a container that could not be started for a reason other than its program.
const EXIT_FAILED: i32 = 128;
/// What a shim says, in Docker's words, if it cannot reach a log driver's server.
const LOG_UNREACHABLE: &str = "failed to initialize logging driver";

/// A process that runs.
pub(super) struct Launched {
    pub(super) pid: u32,
    /// Has asked for the exit already.
    pub(super) link: Link,
    pub(super) child: Child,
    pub(super) endpoints: Vec<Endpoint>,
    /// What is wanted of its networks, each by its name and with its id.
    pub(super) networks: BTreeMap<String, EndpointSpec>,
    /// Just before its first instruction, in nanoseconds since the epoch.
    pub(super) started_ns: i64,
    /// Others that want to have the same mounts wait for it until these can be found.
    pub(super) sources: Sources,
}

/// What the first steps find out and the later ones need.
struct Prepared {
    plan: Plan,
    hostname: String,
    joined: Joined,
    /// Its networks, that of the mode first.
    networks: Vec<Found>,
}

/// Runs the container's program, or brings back its processes. Clients in `pending` are attached before its first instruction.
///
/// # Errors
/// Nothing is left behind.
pub(super) async fn launch(
    shared: &Arc<Shared>,
    record: &Record,
    with: (Option<&Origin>, Vec<MemoryFile>),
    pending: &mut Vec<(AttachOptions, Pending)>,
) -> Result<Launched> {
    let mut child = None;
    match run(shared, record, with, pending, &mut child).await {
        Ok((pid, link, places, started_ns, sources)) => match child {
            Some(child) => {
                let (endpoints, networks) = (places.endpoints, places.networks.unwrap_or_default());
                Ok(Launched { pid, link, child, endpoints, networks, started_ns, sources })
            }
            None => Err(Error::ShuttingDown),
        },
        Err(error) => {
            undo(shared, record, child).await;
            Err(error)
        }
    }
}

async fn run(
    shared: &Arc<Shared>,
    record: &Record,
    (origin, memory): (Option<&Origin>, Vec<MemoryFile>),
    pending: &mut Vec<(AttachOptions, Pending)>,
    child: &mut Option<Child>,
) -> Result<(u32, Link, Places, i64, Sources)> {
    let id = record.id.as_str();
    let exec_dir = shared.exec_dir(id);
    let prepared = Arc::new(prepare(shared, record).await?);
    let rootfs = shared.images.prepare(id, &record.image_id).await?;
    let rootfs = Files::of(shared.config.storage_driver, rootfs).rootfs();
    let log = super::log::spec(shared, record, &prepared.plan.log).await?;
    let sources = Sources::of(shared, record).await?;
    let files = (shared.clone(), record.clone(), prepared.clone());
    let restore = origin.map(|origin| origin.dir.clone());
    let targets = memory.iter().map(|file| file.target.clone()).collect();
    let written = tokio::task::spawn_blocking(move || {
        write_files(&files.0, &files.1, (&files.2, &sources), (rootfs, log, restore, targets))
            .map(|()| sources)
    });
    let sources = written.await.map_err(|_| Error::ShuttingDown)??;
    volume::chown(shared, record).await?;

    // The shim makes the namespaces while the network chooses address and ports.
    fault::point("start: spawn shim");
    let memory = memory_tree(shared, record, memory).await?;
    let shim = child.insert(link::spawn(&shared.config.libexec, &exec_dir, memory)?);
    let found = &prepared.networks;
    let (created, endpoints) = tokio::join!(
        link::created(id, shim),
        networks::allocate(shared, record, &prepared.plan, found, origin)
    );
    let pid = created?.map_err(|refused| start_error(refused, origin))?;
    let endpoints = endpoints?;
    if !endpoints.is_empty() {
        let extra = [prepared.plan.extra_hosts.as_slice(), &prepared.joined.linked_hosts].concat();
        let gateway = networks::gateway(shared, &prepared.plan, &endpoints).await;
        networks::write_hosts(shared, record, &extra, gateway, &endpoints, &prepared.hostname)?;
        let dns = found
            .iter()
            .any(|found| networks::is_own(&found.network))
            .then(|| dns(&shared.config, &record.spec.host).resolver());
        shared.network.attach(&endpoints, pid, dns).await?;
    } else if !matches!(record.spec.host.network_mode, NetworkMode::Host | NetworkMode::Container(_)) {
        shared.network.loopback(pid).await?;
    }
    let places = Places { endpoints, networks: Some(networks::settled(record, found)) };
    places.write(&exec_dir)?;

    let mut link = Link::connect(id, &exec_dir).await?;
    connect_pending(id, &exec_dir, pending).await?;
    let started_ns = now_ns();
    fault::point("start: run program");
    let answer = match origin {
        None => link.ask(id, &Request::Start).await?,
        Some(origin) => {
            let address = places.endpoints.first().and_then(Endpoint::address_v4);
            let same_address = address == origin.address;
            link.ask_patiently(id, &Request::Restore { same_address }, checkpoint::LIMIT).await?
        }
    };
    match answer {
        Response::Started { pid } => {
            let pid = u32::try_from(pid).map_err(|_| broken(id, &Response::Started { pid }))?;
            // A short program has ended by now, and its shim with it: then the exit file tells instead.
            if let Err(error) = link.send(id, &Request::Wait).await {
                tracing::debug!(container = record.short_id(), %error, "container ends before it is waited for");
            }
            Ok((pid, link, places, started_ns, sources))
        }
        Response::Error { kind, message, exit_code } => {
            Err(start_error(Refused { kind, message, exit_code }, origin))
        }
        other => Err(broken(id, &other)),
    }
}

/// The file system of the container's files in memory, if it has any. It is gone with the last process that has it.
async fn memory_tree(
    shared: &Shared,
    record: &Record,
    mut files: Vec<MemoryFile>,
) -> Result<Option<OwnedFd>> {
    if files.is_empty() {
        return Ok(None);
    }
    if let Some(users) = userns::of(&shared.config, &record.spec.host) {
        for file in &mut files {
            let owner = users.outside(file.uid, file.gid);
            (file.uid, file.gid) = owner.ok_or_else(|| Error::FileOwner(file.target.clone()))?;
        }
    }
    let made = tokio::task::spawn_blocking(move || runtime::memory_tree(&files)).await;
    made.map_err(|_| Error::ShuttingDown)?.map(Some).map_err(Error::Memory)
}

/// Everything that can be found wrong before anything is made.
async fn prepare(shared: &Shared, record: &Record) -> Result<Prepared> {
    let plan = Plan::of(&record.spec, &shared.config)?;
    let networks = networks::find(shared, &plan).await?;
    let joined = join::find(shared, record, &plan)?;
    let config = &record.spec.config;
    let hostname = match (&joined.network_of, &record.spec.host.network_mode) {
        (Some(target), _) => hostname_of(target),
        (None, NetworkMode::Host) if config.hostname.is_empty() => {
            nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned()
        }
        _ => hostname_of(record),
    };
    Ok(Prepared { plan, hostname, joined, networks })
}

fn hostname_of(record: &Record) -> String {
    let own = &record.spec.config.hostname;
    if own.is_empty() { record.short_id().to_owned() } else { own.clone() }
}

/// The files the container has mounted, and those its shim reads. Blocks; nothing here waits for another process.
fn write_files(
    shared: &Shared,
    record: &Record,
    (prepared, sources): (&Prepared, &Sources),
    (rootfs, log, restore, memory): (runtime::Rootfs, LogSpec, Option<PathBuf>, Vec<PathBuf>),
) -> Result<()> {
    let plan = &prepared.plan;
    for mount in record.mounts.iter().filter(|mount| mount.is_of_host()) {
        bind_source(&mount.source, mount.create)?;
    }
    // With another container's network come its files.
    let paths = match &prepared.joined.network_of {
        Some(target) => shared.paths(&target.id),
        None => {
            let paths = shared.paths(&record.id);
            write_network_files(shared, record, prepared)?;
            paths
        }
    };
    let cgroup = oci_path(&shared.config, record);
    let config = oci::build(&Run {
        record,
        plan,
        hostname: &prepared.hostname,
        hosts: &paths.hosts,
        hostname_file: &paths.hostname,
        resolv_conf: &paths.resolv_conf,
        cgroup: &cgroup,
        private_cgroupns: shared.private_cgroupns(&plan.namespaces.cgroup),
        network_of: prepared.joined.network_of.as_ref().map(|target| target.state.pid),
        pids_of: prepared.joined.pids_of,
        ipc_of: prepared.joined.ipc_of,
        users: userns::of(&shared.config, &record.spec.host),
        cdi_spec_dirs: &shared.config.cdi_spec_dirs,
        linked_env: &prepared.joined.linked_env,
        sources,
    })?;
    let container = &record.spec.config;
    let spec = ShimSpec {
        version: shim::VERSION,
        id: record.id.clone(),
        rootfs,
        user: (!container.user.is_empty()).then(|| container.user.clone()),
        init: record.spec.host.init.unwrap_or(shared.config.init),
        foreign: shared.config.runtimes.get(&record.spec.host.runtime).cloned(),
        systemd_cgroup: shared.config.cgroup_driver == CgroupDriver::Systemd,
        restore,
        memory,
        tty: container.tty,
        open_stdin: container.open_stdin,
        stdin_once: container.stdin_once,
        log,
        health: plan.health.clone(),
        console_size: record.spec.host.console_size,
    };
    let dir = shared.exec_dir(&record.id);
    // What an earlier run left would be taken for this run's.
    remove_dir(&dir)?;
    fault::point("start: make run directory");
    DirBuilder::new().mode(0o700).create(&dir).map_err(Error::io("make", &dir))?;
    write_json(&dir.join(shim::CONFIG_FILE), &config)?;
    write_json(&dir.join(shim::SPEC_FILE), &spec)
}

fn write_network_files(shared: &Shared, record: &Record, prepared: &Prepared) -> Result<()> {
    let paths = shared.paths(&record.id);
    let dns = dns(&shared.config, &record.spec.host);
    let kind = networks::resolv_conf(record, &prepared.networks);
    file::write(&paths.resolv_conf, &dns.resolv_conf(kind))?;
    file::write(&paths.hostname, &format!("{}\n", prepared.hostname))?;
    // The addresses are not known yet; this is the whole file only where there will be none.
    file::write(&paths.hosts, &file::hosts(&prepared.plan.extra_hosts, None, &[], ""))
}

/// Docker makes missing directories for the short notation of binds, and refuses for the long one.
fn bind_source(path: &str, create: bool) -> Result<()> {
    if Path::new(path).exists() {
        return Ok(());
    }
    if create {
        fault::point("start: make source of bind mount");
        return fs::create_dir_all(path).map_err(Error::io("make the source of a bind mount", path));
    }
    let reason = format!("bind source path does not exist: {path}");
    Err(crate::spec::Invalid::Mount { kind: "bind", reason }.into())
}

/// Attaches the clients that waited. One that went away meanwhile is forgotten.
async fn connect_pending(id: &str, dir: &Path, pending: &mut Vec<(AttachOptions, Pending)>) -> Result<()> {
    for (options, client) in pending.drain(..) {
        if !client.is_closed() {
            client.connect(super::attach::connect(id, dir, options).await?);
        }
    }
    Ok(())
}

/// Takes back a start, last step first. Goes through all steps, whatever fails.
async fn undo(shared: &Arc<Shared>, record: &Record, child: Option<Child>) {
    let container = record.short_id();
    fault::point("start: kill shim of failed start");
    if let Some(mut child) = child
        && let Err(error) = child.kill().await
    {
        tracing::warn!(container, %error, "shim of a failed start cannot be ended");
    }
    let (cgroups, path, dir) =
        (shared.cgroups.clone(), cgroup_path(&shared.config, record), shared.exec_dir(&record.id));
    let swept = tokio::task::spawn_blocking(move || {
        let cgroup = cgroups.cgroup(&path).map_err(|error| error.to_string())?;
        fault::point("start: sweep cgroup of failed start");
        cgroup.kill().and_then(|()| cgroup.remove()).map_err(|error| error.to_string())?;
        remove_dir(&dir).map_err(|error| error.to_string())
    });
    if let Ok(Err(error)) = swept.await {
        tracing::warn!(container, %error, "debris of a failed start stays until the next one");
    }
    if let Err(error) = shared.network.detach(&record.id).await {
        tracing::warn!(container, %error, "network of a failed start is not given back");
    }
}

/// What a failed start leaves in the record: Docker's exit code for it.
pub(super) fn exit_code(error: &Error) -> i32 {
    match error {
        Error::Start { exit_code, .. } => *exit_code,
        _ => EXIT_FAILED,
    }
}

/// Clients look for the runtime's words inside Docker's frame.
fn start_error(refused: Refused, origin: Option<&Origin>) -> Error {
    let Refused { kind, message, exit_code } = refused;
    if origin.is_some() {
        if kind == ErrorKind::NotImplemented {
            return Error::Checkpoint(message);
        }
        let message = format!("failed to start the container from its checkpoint: {message}");
        return Error::Start { message, exit_code };
    }
    if message.starts_with(LOG_UNREACHABLE) {
        let message = format!("failed to create task for container: {message}");
        return Error::Start { message, exit_code };
    }
    let message = format!(
        "failed to create shim task: OCI runtime create failed: unable to start container process: {message}: unknown"
    );
    Error::Start { message, exit_code }
}

fn broken(id: &str, answer: &Response) -> Error {
    Error::Shim { id: id.to_owned(), reason: format!("it answers a start with {answer:?}") }
}

/// Removes a directory that may be missing.
pub(crate) fn remove_dir(dir: &Path) -> Result<()> {
    fault::point("remove directory");
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", dir)(error)),
        _ => Ok(()),
    }
}

pub(super) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let json = serde_json::to_vec(value).map_err(|error| Error::io("write", path)(error.into()))?;
    fault::point("write json");
    fs::write(path, json).map_err(Error::io("write", path))
}
