//! Flags of `run` and `create` → the body of `POST /containers/create`.
//!
//! What the models of `engine-api` have is set there. What they do not have (yet) is added as it is named in Docker's API,
//! so that the daemon refuses it by name instead of it being lost here.

use std::collections::BTreeMap;

use engine_api::container::{
    ContainerConfig, DeviceMapping, Empty, HostConfig, LogConfig, PortBinding, RestartPolicy, Ulimit,
};
use serde_json::{Map, Value, json};

use super::network;
use super::options::Options;
use crate::config::Config;
use crate::error::Error;
use crate::flag::device::Device;
use crate::flag::volume::Volume;
use crate::flag::{env, pair, port};

/// Builds the body; `file` knows the proxies that containers made by the daemon at `host` are to use.
pub(super) fn body(options: &Options, file: &Config, host: &str) -> Result<Value, Error> {
    check(options)?;
    let mut config = config(options)?;
    config.env = file.with_proxies(config.env, host);
    let mut body = to_json(&config);
    body["HostConfig"] = to_json(&host_config(options)?);
    set_all(&mut body["HostConfig"], host_extras(options)?);
    set_all(&mut body, config_extras(options)?);
    if let Some(networking) = network::networking(options)? {
        body["NetworkingConfig"] = networking;
    }
    Ok(body)
}

fn to_json(model: &impl serde::Serialize) -> Value {
    // The models have string keys and no failing serialisers.
    serde_json::to_value(model).unwrap_or_default()
}

fn set_all(object: &mut Value, extras: Map<String, Value>) {
    if let Value::Object(fields) = object {
        fields.extend(extras);
    }
}

fn check(options: &Options) -> Result<(), Error> {
    let clash = |a: &str, b: &str| {
        Err(Error::Usage(format!("conflicting options: cannot specify both --{a} and --{b}")))
    };
    if options.rm && !matches!(options.restart.name.as_str(), "" | "no") {
        return clash("restart", "rm");
    }
    if let Some(timeout) = options.stop_timeout.filter(|timeout| *timeout < -1) {
        return Err(Error::Usage(format!(
            "invalid --stop-timeout {timeout}: seconds, or -1 for no limit, are expected"
        )));
    }
    let swappiness = options.resources.memory_swappiness;
    if !(-1..=100).contains(&swappiness) {
        return Err(Error::Usage(format!(
            "invalid value: {swappiness}. Valid memory swappiness range is 0-100"
        )));
    }
    Ok(())
}

/// Which of the three streams are attached.
pub(super) struct Attached {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

/// Docker's rule: what `-a` names, else output and error, and input with `-i`.
pub(super) fn attached(options: &Options) -> Attached {
    let named = |name: &str| options.attach.iter().any(|stream| stream == name);
    match options.attach.is_empty() {
        true => Attached { stdin: options.interactive, stdout: true, stderr: true },
        false => Attached { stdin: named("stdin"), stdout: named("stdout"), stderr: named("stderr") },
    }
}

fn config(options: &Options) -> Result<ContainerConfig, Error> {
    let lookup = |name: &str| std::env::var(name).ok();
    let streams = attached(options);
    let mut exposed = BTreeMap::new();
    for spec in &options.expose {
        exposed.extend(port::exposed(spec)?.into_iter().map(|port| (port, Empty {})));
    }
    exposed.extend(published(options).map(|port| (port.key(), Empty {})));
    let command = &options.words[1..];
    Ok(ContainerConfig {
        hostname: options.hostname.clone(),
        domainname: options.domainname.clone(),
        user: options.user.clone(),
        attach_stdin: streams.stdin,
        attach_stdout: streams.stdout,
        attach_stderr: streams.stderr,
        exposed_ports: exposed,
        tty: options.tty,
        open_stdin: options.interactive,
        stdin_once: options.interactive && streams.stdin,
        env: env::resolve(&options.env_file, &options.env, &lookup)?,
        cmd: (!command.is_empty()).then(|| command.to_vec()),
        image: options.image().to_owned(),
        working_dir: options.workdir.clone(),
        entrypoint: options.entrypoint.clone().map(|word| vec![word]),
        labels: pair::labels(&options.label_file, &options.label)?,
        stop_signal: options.stop_signal.clone(),
        stop_timeout: options.stop_timeout,
        ..ContainerConfig::default()
    })
}

fn published(options: &Options) -> impl Iterator<Item = &port::Publish> {
    options.publish.iter().flat_map(|ports| &ports.0)
}

fn host_config(options: &Options) -> Result<HostConfig, Error> {
    let mut bindings: BTreeMap<String, Option<Vec<PortBinding>>> = BTreeMap::new();
    for port in published(options) {
        let binding = PortBinding { host_ip: port.ip.clone(), host_port: port.host_text() };
        bindings.entry(port.key()).or_default().get_or_insert_default().push(binding);
    }
    let split = |spec: &String| match spec.split_once(':') {
        Some((path, mode)) => (path.to_owned(), mode.to_owned()),
        None => (spec.clone(), String::new()),
    };
    let resources = &options.resources;
    let pairs = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    Ok(HostConfig {
        binds: options
            .volume
            .iter()
            .filter_map(|v| if let Volume::Bind(bind) = v { Some(bind.clone()) } else { None })
            .collect(),
        log_config: LogConfig { kind: options.log_driver.clone(), config: pairs(&options.log_opt) },
        network_mode: network::first(options)?,
        port_bindings: bindings,
        restart_policy: RestartPolicy {
            name: options.restart.name.clone(),
            maximum_retry_count: options.restart.retries,
        },
        auto_remove: options.rm,
        console_size: crate::terminal::size()
            .filter(|_| options.tty && crate::console::is_terminal())
            .map(|(rows, columns)| [rows, columns]),
        cap_add: options.cap_add.iter().map(|name| capability(name)).collect(),
        cap_drop: options.cap_drop.iter().map(|name| capability(name)).collect(),
        cgroupns_mode: options.cgroupns.clone(),
        dns: options.dns.clone(),
        dns_options: options.dns_option.clone(),
        dns_search: options.dns_search.clone(),
        extra_hosts: options.add_host.clone(),
        group_add: options.group_add.clone(),
        ipc_mode: options.ipc.clone(),
        oom_score_adj: resources.oom_score_adj,
        pid_mode: options.pid.clone(),
        privileged: options.privileged,
        publish_all_ports: options.publish_all,
        readonly_rootfs: options.read_only,
        security_opt: options
            .security_opt
            .iter()
            .filter(|option| *option != OPEN_PATHS)
            .map(|option| security(option))
            .collect::<Result<_, _>>()?,
        tmpfs: options.tmpfs.iter().map(split).collect(),
        uts_mode: options.uts.clone(),
        shm_size: options.shm_size,
        sysctls: pairs(&options.sysctl),
        runtime: options.runtime.clone(),
        cgroup_parent: options.cgroup_parent.clone(),
        devices: options.device.iter().filter_map(device).collect(),
        device_cgroup_rules: options.device_cgroup_rule.clone(),
        init: options.init.then_some(true),
        ulimits: resources
            .ulimit
            .iter()
            .map(|u| Ulimit { name: u.name.clone(), soft: u.soft, hard: u.hard })
            .collect(),
        ..HostConfig::default()
    })
}

fn device(device: &Device) -> Option<DeviceMapping> {
    match device {
        Device::Cdi(_) => None,
        Device::Path { host, container, permissions } => Some(DeviceMapping {
            path_on_host: host.clone(),
            path_in_container: container.clone(),
            cgroup_permissions: permissions.clone(),
        }),
    }
}

/// What is asked of drivers: `--gpus`, and `--device` by the name of a Container Device Interface.
fn device_requests(options: &Options) -> Vec<Value> {
    let gpus = options.gpus.iter().map(|gpus| {
        json!({
            "Driver": gpus.driver,
            "Count": gpus.count,
            "DeviceIDs": gpus.devices,
            "Capabilities": [gpus.capabilities],
            "Options": gpus.options.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    });
    let named: Vec<&String> = options
        .device
        .iter()
        .filter_map(|device| if let Device::Cdi(name) = device { Some(name) } else { None })
        .collect();
    let cdi = (!named.is_empty()).then(|| json!({"Driver": "cdi", "DeviceIDs": named}));
    gpus.chain(cdi).collect()
}

/// A capability in full: `CAP_NET_ADMIN` from `net_admin`.
fn capability(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    if name == "ALL" || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

/// The security option that has fields of its own in the API: no path is hidden or read-only.
const OPEN_PATHS: &str = "systempaths=unconfined";

/// `seccomp=FILE` carries the file's content, as the daemon may be on another machine.
fn security(option: &str) -> Result<String, Error> {
    let (key, value) = match option.split_once('=').or_else(|| option.split_once(':')) {
        Some(pair) => pair,
        None if matches!(option, "no-new-privileges" | "disable") => return Ok(option.to_owned()),
        None => {
            return Err(Error::Usage(format!(
                "Invalid --security-opt: \"{option}\": key=value or no-new-privileges is expected"
            )));
        }
    };
    if key != "seccomp" || matches!(value, "unconfined" | "builtin") {
        return Ok(format!("{key}={value}"));
    }
    let text = std::fs::read_to_string(value).map_err(|error| {
        let reason = crate::flag::file::reason(&error);
        Error::Usage(format!("opening seccomp profile ({value}) failed: open {value}: {reason}"))
    })?;
    let profile: Value = serde_json::from_str(&text).map_err(|error| {
        Error::Usage(format!("compacting json for seccomp profile ({value}) failed: {error}"))
    })?;
    Ok(format!("seccomp={profile}"))
}

/// Fields of the host's part that the models do not have.
fn host_extras(options: &Options) -> Result<Map<String, Value>, Error> {
    let requests = device_requests(options);
    let open_paths = options.security_opt.iter().any(|option| option == OPEN_PATHS);
    let mounts: Vec<Value> = options.mount.iter().map(crate::command::mount::to_json).collect();
    let storage: BTreeMap<_, _> = options.storage_opt.iter().cloned().collect();
    let annotations: BTreeMap<_, _> = options.annotation.iter().cloned().collect();
    let extras = [
        ("Annotations", !annotations.is_empty(), json!(annotations)),
        ("Mounts", !mounts.is_empty(), json!(mounts)),
        ("VolumeDriver", !options.volume_driver.is_empty(), json!(options.volume_driver)),
        ("VolumesFrom", !options.volumes_from.is_empty(), json!(options.volumes_from)),
        ("Links", !options.link.is_empty(), json!(options.link)),
        ("UsernsMode", !options.userns.is_empty(), json!(options.userns)),
        ("MaskedPaths", open_paths, json!([])),
        ("ReadonlyPaths", open_paths, json!([])),
        ("ContainerIDFile", options.cidfile.is_some(), json!(options.cidfile)),
        ("Isolation", !options.isolation.is_empty(), json!(options.isolation)),
        ("DeviceRequests", !requests.is_empty(), json!(requests)),
        ("StorageOpt", !storage.is_empty(), json!(storage)),
    ];
    let set = extras.into_iter().filter(|(_, set, _)| *set);
    let mut fields = options.resources.json();
    fields.extend(set.map(|(name, _, value)| (name.to_owned(), value)));
    let ours = options.probe.json(options.restart.on_unhealthy)?;
    fields.extend(ours.map(|ours| ("Shoal".to_owned(), ours)));
    Ok(fields)
}

fn config_extras(options: &Options) -> Result<Map<String, Value>, Error> {
    let mut extras = Map::new();
    let anonymous: BTreeMap<&String, Empty> = options
        .volume
        .iter()
        .filter_map(|v| if let Volume::Anonymous(target) = v { Some((target, Empty {})) } else { None })
        .collect();
    if !anonymous.is_empty() {
        extras.insert("Volumes".to_owned(), json!(anonymous));
    }
    if let Some(check) = options.health.json()? {
        extras.insert("Healthcheck".to_owned(), check);
    }
    Ok(extras)
}
