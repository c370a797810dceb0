//! Reads a whole [`ContainerSpec`] and judges it: text becomes types, contradictions become errors.
//!
//! Made when a container is created, to refuse what cannot work, and again when it starts, to build its OCI
//! configuration. Pure: whether a path or device exists is not asked here.

mod capability;
mod hosts;
mod log;
mod mount;
mod namespace;
mod port;
mod resource;
mod seccomp;
mod security;
mod sysctl;
mod ulimit;

pub(crate) use hosts::{ExtraHost, HostAddress};
pub(crate) use mount::{Access, MountPlan, Source, VolumeSource, bind_options, target_path};
pub(crate) use namespace::{Namespaces, Share};
pub(crate) use security::Security;

use crate::config::EngineConfig;
use crate::default;
use crate::spec::{ContainerSpec, Invalid, NetworkMode, RestartCondition};
use network::PortBinding;
use runtime::oci::{Capabilities, LinuxDeviceCgroup, LinuxResources, PosixRlimit};
use shim::LogSpec;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// SIGTERM, unless somebody says otherwise.
pub(crate) const DEFAULT_STOP_SIGNAL: i32 = 15;

/// Limits alone, for those that change while the container runs; device rules do not.
///
/// # Errors
/// The first thing that is wrong with them.
pub(crate) fn resources(
    wanted: &crate::spec::Resources,
    warnings: &mut Vec<String>,
) -> Result<LinuxResources, Invalid> {
    resource::plan(wanted, warnings).map(|(resources, _)| resources)
}

/// A spec that can be honoured, in types.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) mounts: Vec<MountPlan>,
    pub(crate) capabilities: Capabilities,
    pub(crate) security: Security,
    pub(crate) namespaces: Namespaces,
    pub(crate) resources: LinuxResources,
    pub(crate) device_rules: Vec<LinuxDeviceCgroup>,
    pub(crate) rlimits: Vec<PosixRlimit>,
    pub(crate) sysctls: Vec<(String, String)>,
    pub(crate) groups: Vec<u32>,
    pub(crate) shm_bytes: u64,
    pub(crate) ports: Vec<PortBinding>,
    pub(crate) ip: Option<Ipv4Addr>,
    pub(crate) mac: Option<network::Mac>,
    pub(crate) aliases: Vec<String>,
    pub(crate) extra_hosts: Vec<ExtraHost>,
    pub(crate) log: LogSpec,
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// Judges a spec that has been filled up from its image. `log_file` is where its log would lie.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn of(spec: &ContainerSpec, engine: &EngineConfig, log_file: &Path) -> Result<Plan, Invalid> {
        let (config, host) = (&spec.config, &spec.host);
        let mut warnings = Vec::new();
        check_simple(spec)?;
        let namespaces = namespace::plan(host)?;
        let (resources, device_rules) = resource::plan(&host.resources, &mut warnings)?;
        let (ip, mac, aliases) = endpoint(spec)?;
        for server in host.dns.iter().chain(&engine.dns) {
            server.parse::<IpAddr>().map_err(|_| Invalid::Dns(server.clone()))?;
        }
        let shm_bytes = [host.shm_size, engine.default_shm_size].into_iter().find(|bytes| *bytes != 0);
        Ok(Plan {
            mounts: mount::plan(host)?,
            capabilities: capability::plan(host)?,
            security: security::plan(host, engine.no_new_privileges)?,
            sysctls: sysctl::plan(&host.sysctls, host, &namespaces)?,
            namespaces,
            resources,
            device_rules,
            rlimits: ulimit::plan(&host.resources.ulimits, &engine.default_ulimits)?,
            groups: groups(&host.group_add)?,
            shm_bytes: shm_bytes.unwrap_or(default::SHM_BYTES).unsigned_abs(),
            ports: port::plan(spec)?,
            ip,
            mac,
            aliases,
            extra_hosts: hosts::plan(&host.extra_hosts)?,
            log: log::plan(&host.log_config, &engine.default_log, config, log_file)?,
            warnings,
        })
    }
}

fn check_simple(spec: &ContainerSpec) -> Result<(), Invalid> {
    let (config, host) = (&spec.config, &spec.host);
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return Err(Invalid::RelativePath { field: "WorkingDir", path: config.working_dir.clone() });
    }
    for entry in &config.env {
        if entry.starts_with('=') || entry.contains('\0') {
            return Err(Invalid::Env(entry.clone()));
        }
    }
    if let Some(signal) = config.stop_signal.as_deref().filter(|signal| !signal.is_empty()) {
        crate::signal::parse(signal)?;
    }
    let policy = &host.restart_policy;
    if policy.maximum_retry_count > 0 && policy.name != RestartCondition::OnFailure {
        return Err(Invalid::RetryCount);
    }
    if host.auto_remove && policy.name != RestartCondition::No {
        return Err(Invalid::AutoRemoveRestart);
    }
    if !matches!(host.runtime.as_str(), "" | default::RUNTIME | "shoal" | "runc" | "io.containerd.runc.v2") {
        return Err(Invalid::Runtime(host.runtime.clone()));
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        let value = host.oom_score_adj.to_string();
        return Err(Invalid::Range { field: "HostConfig.OomScoreAdj", value, want: "-1000 to 1000" });
    }
    if host.shm_size < 0 {
        let value = host.shm_size.to_string();
        return Err(Invalid::Range { field: "HostConfig.ShmSize", value, want: "0 or more bytes" });
    }
    if host.cgroup_parent.split('/').any(|part| part == "..") {
        return Err(Invalid::CgroupParent(host.cgroup_parent.clone()));
    }
    for path in host.masked_paths.iter().flatten().chain(host.readonly_paths.iter().flatten()) {
        if !path.starts_with('/') {
            return Err(Invalid::RelativePath { field: "HostConfig.MaskedPaths", path: path.clone() });
        }
    }
    check_network(spec)
}

fn check_network(spec: &ContainerSpec) -> Result<(), Invalid> {
    let host = &spec.host;
    match &host.network_mode {
        NetworkMode::Container(_) if !host.port_bindings.is_empty() || host.publish_all_ports => {
            Err(Invalid::NetworkMode("port publishing and the container type network mode"))
        }
        NetworkMode::Container(_) if !spec.config.hostname.is_empty() => {
            Err(Invalid::NetworkMode("hostname and the network mode"))
        }
        NetworkMode::Container(_) if !host.extra_hosts.is_empty() => {
            Err(Invalid::NetworkMode("custom host-to-IP mapping and the network mode"))
        }
        NetworkMode::Container(_) if !host.dns.is_empty() => {
            Err(Invalid::NetworkMode("dns and the network mode"))
        }
        _ if spec.networks.len() > 1 => {
            Err(Invalid::NotImplemented("more than one network in NetworkingConfig"))
        }
        _ => Ok(()),
    }
}

type Wanted = (Option<Ipv4Addr>, Option<network::Mac>, Vec<String>);

fn endpoint(spec: &ContainerSpec) -> Result<Wanted, Invalid> {
    let wanted = spec.networks.values().next();
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let ip = wanted.and_then(|endpoint| given(&endpoint.ipv4_address));
    let mac =
        wanted.and_then(|endpoint| given(&endpoint.mac_address)).or_else(|| given(&spec.config.mac_address));
    let ip = ip.map(|text| text.parse().map_err(|_| Invalid::EndpointAddress(text))).transpose()?;
    let mac = mac.map(|text| text.parse().map_err(|_| Invalid::EndpointAddress(text))).transpose()?;
    Ok((ip, mac, wanted.map(|endpoint| endpoint.aliases.clone()).unwrap_or_default()))
}

fn groups(names: &[String]) -> Result<Vec<u32>, Invalid> {
    // Names would have to be looked up in the container's own group file, which only its shim may open.
    names
        .iter()
        .map(|name| {
            name.parse().map_err(|_| Invalid::NotImplemented("HostConfig.GroupAdd by name (use a number)"))
        })
        .collect()
}
