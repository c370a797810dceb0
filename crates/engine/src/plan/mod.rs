//! Reads a whole [`ContainerSpec`] and judges it: text becomes types, contradictions become errors.
//!
//! Made when a container is created, to refuse what cannot work, and again when it starts, to build its OCI
//! configuration. Pure: whether a path or device exists is not asked here.

mod capability;
mod check;
mod endpoint;
mod hosts;
mod link;
mod log;
mod mount;
mod namespace;
mod port;
mod resource;
mod seccomp;
mod security;
mod sysctl;
mod ulimit;

pub(crate) use capability::every_capability;
pub(crate) use endpoint::{EndpointPlan, plan_one as endpoint};
pub(crate) use hosts::{ExtraHost, HostAddress};
pub(crate) use link::{Link, Linked, plan as links};
pub use log::{LOG_DRIVERS, check_log};
pub(crate) use log::{LogPlan, Subject, Surroundings, merge as merge_log};
pub(crate) use mount::{Access, MountPlan, Source, VolumeSource, bind_options, target_path};
pub(crate) use namespace::{Namespaces, Share};
pub(crate) use port::plan as ports;
pub(crate) use security::Security;

use crate::config::EngineConfig;
use crate::default;
use crate::spec::{ContainerSpec, HostConfig, Invalid, NetworkMode};
use network::PortBinding;
use runtime::oci::{Capabilities, LinuxDeviceCgroup, LinuxResources, PosixRlimit};
use std::net::IpAddr;

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
    pub(crate) shm_bytes: u64,
    pub(crate) ports: Vec<PortBinding>,
    /// The network of the mode first.
    pub(crate) endpoints: Vec<EndpointPlan>,
    pub(crate) extra_hosts: Vec<ExtraHost>,
    pub(crate) links: Vec<Link>,
    pub(crate) log: LogPlan,
    pub(crate) health: Option<shim::HealthSpec>,
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// Judges a spec that has been filled up from its image.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn of(spec: &ContainerSpec, engine: &EngineConfig) -> Result<Plan, Invalid> {
        let host = &spec.host;
        let mut warnings = Vec::new();
        check::check(spec, engine)?;
        let namespaces = namespace::plan(host)?;
        let (resources, device_rules) = resource::plan(&host.resources, &mut warnings)?;
        if host.network_mode == NetworkMode::Host && !host.port_bindings.is_empty() {
            warnings.push("Published ports are discarded when using host network mode".to_owned());
        }
        for server in host.dns.iter().chain(&engine.dns) {
            server.parse::<IpAddr>().map_err(|_| Invalid::Dns(server.clone()))?;
        }
        let shm_bytes = [host.shm_size, engine.default_shm_size].into_iter().find(|bytes| *bytes != 0);
        Ok(Plan {
            mounts: mount::plan(host)?,
            capabilities: capability::plan(host)?,
            security: security::plan(host, engine)?,
            sysctls: sysctl::plan(
                &host.sysctls,
                host,
                &namespaces,
                crate::userns::of(engine, host).is_some(),
            )?,
            namespaces,
            resources,
            device_rules,
            rlimits: ulimit::plan(&host.resources.ulimits, &engine.default_ulimits)?,
            shm_bytes: shm_bytes.unwrap_or(default::SHM_BYTES).unsigned_abs(),
            ports: port::plan(spec)?,
            endpoints: endpoint::plan(spec)?,
            extra_hosts: hosts::plan(&host.extra_hosts)?,
            links: legacy_links(host)?,
            log: LogPlan::of(&host.log_config, &engine.default_log)?,
            health: crate::health::plan(spec)?,
            warnings,
        })
    }
}

/// Links of the default bridge: on other networks they are names of the place there.
fn legacy_links(host: &HostConfig) -> Result<Vec<Link>, Invalid> {
    let links = link::plan(&host.links)?;
    let on_default = matches!(host.network_mode, NetworkMode::Default | NetworkMode::Bridge);
    Ok(if on_default { links } else { Vec::new() })
}
