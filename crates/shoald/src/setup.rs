//! From the configuration to what each room is opened with. Pure, but for finding our own directory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use engine::spec::{LogConfig, Ulimit};
use engine::{EngineConfig, ForeignRuntime};
use image::ImagesConfig;
use ipam::{Cidr, Pool};
use network::NetworkConfig;

use crate::config::Config;
use crate::instance::Instance;
use crate::remap;

/// Names the directory of the small programs, if they are not beside the daemon.
const LIBEXEC: &str = "SHOAL_LIBEXEC";

/// Names the journal's socket, if it is not where systemd has it.
const JOURNAL_SOCKET: &str = "SHOAL_JOURNAL_SOCKET";

/// Names a further directory with certificates of registries, asked before the usual ones.
const CERTIFICATES: &str = "SHOAL_CERTS_D";
/// Where administrators put certificates of registries, one directory for each `host[:port]`.
const CERTIFICATE_DIRECTORIES: [&str; 2] = ["/etc/shoal/certs.d", "/etc/docker/certs.d"];

/// Where `shoal-shim` and `shoal-net` are.
pub(crate) fn libexec() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os(LIBEXEC) {
        return Ok(dir.into());
    }
    let exe = std::env::current_exe().context("cannot find the daemon's own program")?;
    exe.parent().map(PathBuf::from).context("the daemon's program lies in no directory")
}

pub(crate) fn images(config: &Config) -> ImagesConfig {
    ImagesConfig {
        root: config.data_root.join("image"),
        insecure_registries: config.insecure_registries.clone(),
        registry_mirrors: config.registry_mirrors.clone(),
        max_concurrent_uploads: config.max_concurrent_uploads,
        // Checked when it was read.
        collect: config.shoal.gc.policy().unwrap_or_default(),
        certificates: std::env::var_os(CERTIFICATES)
            .map(PathBuf::from)
            .into_iter()
            .chain(CERTIFICATE_DIRECTORIES.map(PathBuf::from))
            .collect(),
        max_downloads: config.max_concurrent_downloads as usize,
        max_download_attempts: config.max_download_attempts,
        ..ImagesConfig::default()
    }
}

pub(crate) fn engine(config: &Config, instance: &Instance) -> Result<EngineConfig> {
    let own = &config.containers;
    let userns = remap::maps(&own.userns_remap)?;
    // The owners in a tree of its own would have to be changed for each container.
    if userns.is_some() && instance.storage.has_trees() {
        bail!(
            "userns-remap needs the storage driver overlay2; this data root has {}",
            instance.storage.name()
        );
    }
    Ok(EngineConfig {
        name: instance.name.clone(),
        data_root: config.data_root.clone(),
        exec_root: config.exec_root.clone(),
        storage_driver: instance.storage,
        libexec: libexec()?,
        cgroup_driver: own.cgroup_driver(),
        cgroup_parent: config.cgroup_parent.clone(),
        init: config.init,
        default_cgroupns_mode: config.default_cgroupns_mode.parse()?,
        default_ulimits: config
            .default_ulimits
            .iter()
            .map(|(name, limit)| Ulimit { name: name.clone(), soft: limit.soft, hard: limit.hard })
            .collect(),
        default_ipc_mode: own.default_ipc_mode.parse()?,
        default_shm_size: own.shm_bytes().unwrap_or_default(),
        no_new_privileges: own.no_new_privileges,
        seccomp_profile: seccomp_profile(&own.seccomp_profile)?,
        cdi_spec_dirs: cdi_spec_dirs(&own.cdi_spec_dirs),
        userns,
        dns: own.dns.clone(),
        dns_search: own.dns_search.clone(),
        dns_options: own.dns_opts.clone(),
        default_log: LogConfig { driver: config.log_driver.clone(), options: config.log_opts.clone() },
        runtimes: runtimes(config),
        default_runtime: config.default_runtime.clone(),
        default_network_options: config.networks.default_network_opts.clone(),
        journal_socket: std::env::var_os(JOURNAL_SOCKET)
            .map_or(EngineConfig::default().journal_socket, Into::into),
        ..EngineConfig::default()
    })
}

/// A runtime without a slash in its path is looked for in `PATH`; one that is not found is told by the first start.
fn runtimes(config: &Config) -> BTreeMap<String, ForeignRuntime> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |name: &str| {
        let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
        places.find(|place| !name.contains('/') && place.is_file()).unwrap_or_else(|| name.into())
    };
    let foreign = |runtime: &crate::config::Runtime| ForeignRuntime {
        path: found(&runtime.path),
        args: runtime.runtime_args.clone(),
    };
    config.runtimes.iter().map(|(name, runtime)| (name.clone(), foreign(runtime))).collect()
}

/// The text of the profile whose path is configured.
fn seccomp_profile(configured: &str) -> Result<String> {
    match configured {
        "" | "builtin" => Ok(String::new()),
        "unconfined" => Ok(configured.to_owned()),
        path => {
            std::fs::read_to_string(path).with_context(|| format!("opening seccomp profile ({path}) failed"))
        }
    }
}

/// The usual directories, unless others are named; an empty name alone means none at all, as with dockerd.
pub(crate) fn cdi_spec_dirs(configured: &[PathBuf]) -> Vec<PathBuf> {
    match configured {
        [] => EngineConfig::default().cdi_spec_dirs,
        dirs => dirs.iter().filter(|dir| !dir.as_os_str().is_empty()).cloned().collect(),
    }
}

pub(crate) fn network(config: &Config, instance: &Instance) -> Result<NetworkConfig> {
    let mut network = NetworkConfig::new(&instance.name, config.exec_root.clone(), libexec()?);
    network.nat = config.iptables;
    network.ip_forward = config.ip_forward;
    network.userland_proxy = config.userland_proxy;
    network.bridge.bip = config.bip.as_deref().map(range).transpose()?;
    network.bridge.fixed_cidr = config.fixed_cidr.as_deref().map(range).transpose()?;
    let own = &config.networks;
    network.bridge.ipv6 = own.ipv6;
    network.bridge.fixed_cidr_v6 = own.fixed_cidr_v6.as_deref().map(range).transpose()?;
    network.bridge.icc = own.icc;
    network.bridge.masquerade = own.ip_masq;
    network.bridge.host_ip = own.host_ip();
    if let Some(mtu) = config.mtu {
        network.bridge.mtu = mtu;
    }
    match config.bridge.as_deref() {
        Some("none") => network.bridge.none = true,
        Some(name) if !name.is_empty() => {
            name.clone_into(&mut network.bridge.name);
            network.bridge.own = false;
        }
        _ => instance.bridge.clone_into(&mut network.bridge.name),
    }
    if !config.default_address_pools.is_empty() {
        let pool = |pool: &crate::config::Pool| Ok(Pool::new(range(&pool.base)?, pool.size)?);
        network.pools = config.default_address_pools.iter().map(pool).collect::<Result<_>>()?;
    }
    Ok(network)
}

/// A text that the configuration has already found to be a range of addresses.
fn range(text: &str) -> Result<Cidr> {
    text.parse().with_context(|| format!("{text:?} is no range of addresses"))
}
