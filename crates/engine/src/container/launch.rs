//! From a record to a running process, or to nothing at all.
//!
//! The order matters to a crash: the shim's directory comes first and tells a recovering engine what was going on; the
//! endpoints are written there before the program's first instruction. Whatever fails, [`undo`] takes everything back,
//! and each of its steps is harmless if there is nothing to take back.

use super::attachment::Pending;
use super::checkpoint::{self, Origin};
use super::join::{self, Joined};
use super::request::AttachOptions;
use crate::cgroup::{CgroupDriver, cgroup_path, oci_path};
use crate::driver::Files;
use crate::error::{Error, Result};
use crate::file;
use crate::link::{self, Link, Refused};
use crate::oci::{self, Run};
use crate::plan::Plan;
use crate::record::Record;
use crate::shared::{Shared, now_ns};
use crate::spec::NetworkMode;
use crate::userns;
use crate::volume::{self, Sources};
use network::{AttachRequest, Endpoint};
use shim::{ErrorKind, LogSpec, Request, Response, ShimSpec};
use std::fs::{self, DirBuilder};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Child;

/// The container's endpoints, in its shim's directory: as long-lived as the process.
pub(crate) const ENDPOINTS_FILE: &str = "endpoints.json";
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
}

/// Runs the container's program, or brings back its processes. Clients in `pending` are attached before its first instruction.
///
/// # Errors
/// Nothing is left behind.
pub(super) async fn launch(
    shared: &Arc<Shared>,
    record: &Record,
    origin: Option<&Origin>,
    pending: &mut Vec<(AttachOptions, Pending)>,
) -> Result<Launched> {
    let mut child = None;
    match run(shared, record, origin, pending, &mut child).await {
        Ok((pid, link, endpoints, started_ns, sources)) => match child {
            Some(child) => Ok(Launched { pid, link, child, endpoints, started_ns, sources }),
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
    origin: Option<&Origin>,
    pending: &mut Vec<(AttachOptions, Pending)>,
    child: &mut Option<Child>,
) -> Result<(u32, Link, Vec<Endpoint>, i64, Sources)> {
    let id = record.id.as_str();
    let exec_dir = shared.exec_dir(id);
    let prepared = Arc::new(prepare(shared, record)?);
    let rootfs = shared.images.prepare(id, &record.image_id).await?;
    let rootfs = Files::of(shared.config.storage_driver, rootfs).rootfs();
    let log = super::log::spec(shared, record, &prepared.plan.log).await?;
    let sources = Sources::of(shared, record).await?;
    let files = (shared.clone(), record.clone(), prepared.clone());
    let restore = origin.map(|origin| origin.dir.clone());
    let written = tokio::task::spawn_blocking(move || {
        write_files(&files.0, &files.1, (&files.2, &sources), (rootfs, log, restore)).map(|()| sources)
    });
    let sources = written.await.map_err(|_| Error::ShuttingDown)??;
    volume::chown(shared, record).await?;

    // The shim makes the namespaces while the network chooses address and ports.
    fault::point("start: spawn shim");
    let shim = child.insert(link::spawn(&shared.config.libexec, &exec_dir)?);
    let (created, endpoint) =
        tokio::join!(link::created(id, shim), allocate(shared, record, &prepared.plan, origin));
    let pid = created?.map_err(|refused| start_error(refused, origin))?;
    let endpoint = endpoint?;
    if let Some(endpoint) = &endpoint {
        let own = (
            endpoint.address_v4().unwrap_or(Ipv4Addr::UNSPECIFIED),
            prepared.hostname.as_str(),
            record.spec.config.domainname.as_str(),
        );
        let extra = [prepared.plan.extra_hosts.as_slice(), &prepared.joined.linked_hosts].concat();
        let hosts = file::hosts(&extra, endpoint.ipv4.and_then(|place| place.gateway), Some(own));
        file::write(&shared.paths(id).hosts, &hosts)?;
        shared.network.attach(std::slice::from_ref(endpoint), pid, None).await?;
    } else if record.spec.host.network_mode == NetworkMode::None || record.spec.config.network_disabled {
        shared.network.loopback(pid).await?;
    }
    let endpoints: Vec<Endpoint> = endpoint.into_iter().collect();
    write_json(&exec_dir.join(ENDPOINTS_FILE), &endpoints)?;

    let mut link = Link::connect(id, &exec_dir).await?;
    connect_pending(id, &exec_dir, pending).await?;
    let started_ns = now_ns();
    fault::point("start: run program");
    let answer = match origin {
        None => link.ask(id, &Request::Start).await?,
        Some(origin) => {
            let address = endpoints.first().and_then(Endpoint::address_v4).map(IpAddr::V4);
            let same_address = address == origin.address.map(IpAddr::V4);
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
            Ok((pid, link, endpoints, started_ns, sources))
        }
        Response::Error { kind, message, exit_code } => {
            Err(start_error(Refused { kind, message, exit_code }, origin))
        }
        other => Err(broken(id, &other)),
    }
}

/// Everything that can be found wrong before anything is made.
fn prepare(shared: &Shared, record: &Record) -> Result<Prepared> {
    let plan = Plan::of(&record.spec, &shared.config)?;
    let joined = join::find(shared, record, &plan)?;
    let config = &record.spec.config;
    let hostname = match (&joined.network_of, &record.spec.host.network_mode) {
        (Some(target), _) => hostname_of(target),
        (None, NetworkMode::Host) if config.hostname.is_empty() => {
            nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned()
        }
        _ => hostname_of(record),
    };
    Ok(Prepared { plan, hostname, joined })
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
    (rootfs, log, restore): (runtime::Rootfs, LogSpec, Option<PathBuf>),
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
    let host = &record.spec.host;
    let own_network = host.network_mode != NetworkMode::Host;
    let daemon = [shared.config.dns.as_slice(), &shared.config.dns_search, &shared.config.dns_options];
    let host_text = file::read_host_resolv_conf(&shared.config.host_resolv_conf);
    file::write(&paths.resolv_conf, &file::resolv_conf(&host_text, host, daemon, own_network))?;
    file::write(&paths.hostname, &format!("{}\n", prepared.hostname))?;
    // The address is not known yet; this is the whole file only where there will be none.
    file::write(&paths.hosts, &file::hosts(&prepared.plan.extra_hosts, None, None))
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

async fn allocate(
    shared: &Shared,
    record: &Record,
    plan: &Plan,
    origin: Option<&Origin>,
) -> Result<Option<Endpoint>> {
    let mode = &record.spec.host.network_mode;
    if !matches!(mode, NetworkMode::Default | NetworkMode::Bridge) || record.spec.config.network_disabled {
        return Ok(None);
    }
    let mut request = AttachRequest {
        container_id: record.id.clone(),
        container_name: record.name.clone(),
        network: "bridge".to_owned(),
        ports: plan.ports.clone(),
        mac: plan.mac,
        ipv4: plan.ip,
        aliases: plan.aliases.clone(),
        ..AttachRequest::default()
    };
    if let (None, Some(address)) = (plan.ip, origin.and_then(|origin| origin.address)) {
        // With the address that they belong to connections can go on. Another may have it by now.
        request.ipv4 = Some(address);
        if let Ok(endpoints) = shared.network.allocate(vec![request.clone()]).await {
            return Ok(endpoints.into_iter().next());
        }
        request.ipv4 = None;
    }
    Ok(shared.network.allocate(vec![request]).await?.into_iter().next())
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
