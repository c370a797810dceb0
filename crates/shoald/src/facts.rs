//! What the daemon says of itself to clients and to the swarm.

use std::collections::BTreeMap;
use std::sync::Arc;

use rest::{Facts, Pool};
use swarm_api::pb;

use crate::config::{BUILT_IN_RUNTIME, Config, Containers};
use crate::instance::Instance;
use crate::{setup, storage};

/// Docker's minimum API version can be lowered by this variable, down to 1.24.
const MIN_API_VERSION: &str = "DOCKER_MIN_API_VERSION";

/// What `version` and `info` tell.
pub(crate) fn facts(config: &Config, instance: &Instance) -> Arc<Facts> {
    Arc::new(Facts {
        id: instance.id.clone(),
        name: hostname(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: String::new(),
        data_root: config.data_root.display().to_string(),
        labels: config.labels.clone(),
        generic_resources: config.generic_resources(),
        debug: config.debug,
        experimental: config.experimental,
        storage_driver: instance.storage.name().to_owned(),
        backing_filesystem: storage::backing(&config.data_root).to_owned(),
        log_driver: config.log_driver.clone(),
        default_runtime: config.default_runtime.clone(),
        runtimes: runtimes(config),
        cgroup_driver: config.containers.cgroup_driver().name().to_owned(),
        cgroup_version: cgroup_version().to_owned(),
        insecure_registries: config.insecure_registries.clone(),
        registry_mirrors: config.registry_mirrors.clone(),
        address_pools: config
            .default_address_pools
            .iter()
            .map(|pool| Pool { base: pool.base.clone(), size: pool.size })
            .collect(),
        warnings: Vec::new(),
        security_options: security_options(&config.containers),
        cdi_spec_dirs: setup::cdi_spec_dirs(&config.containers.cdi_spec_dirs)
            .iter()
            .map(|dir| dir.display().to_string())
            .collect(),
        min_minor: min_minor(std::env::var(MIN_API_VERSION).ok().as_deref()),
    })
}

/// What holds containers back, in Docker's words.
fn security_options(config: &Containers) -> Vec<String> {
    let profile = match config.seccomp_profile.as_str() {
        "" => "builtin",
        named => named,
    };
    let mut options = vec![format!("name=seccomp,profile={profile}")];
    if !config.userns_remap.is_empty() {
        options.push("name=userns".to_owned());
    }
    if cgroup_version() == "2" {
        options.push("name=cgroupns".to_owned());
    }
    if config.no_new_privileges {
        options.push("name=no-new-privileges".to_owned());
    }
    options
}

/// The built-in one, under its own name and Docker's, and those that are configured.
fn runtimes(config: &Config) -> BTreeMap<String, String> {
    let built_in = [BUILT_IN_RUNTIME, "runc"].map(|name| (name.to_owned(), BUILT_IN_RUNTIME.to_owned()));
    let configured = config.runtimes.iter().map(|(name, runtime)| (name.clone(), runtime.path.clone()));
    built_in.into_iter().chain(configured).collect()
}

/// The oldest minor version of the API to speak, from the variable's text.
fn min_minor(text: Option<&str>) -> u16 {
    /// The oldest that can be asked for.
    const FLOOR: u16 = 24;
    /// What is spoken unless asked.
    const DEFAULT: u16 = 40;
    let asked = text.and_then(|text| text.strip_prefix("1.")?.parse::<u16>().ok());
    asked.map_or(DEFAULT, |minor| minor.clamp(FLOOR, DEFAULT))
}

/// What this machine says of itself when it joins a swarm.
pub(crate) fn description(config: &Config) -> pb::NodeDescription {
    let labels = config.labels.iter().filter_map(|label| label.split_once('='));
    pb::NodeDescription {
        hostname: hostname(),
        os: std::env::consts::OS.to_owned(),
        // The word of `uname -m`, as Docker's engine says it; constraints compare with it.
        architecture: std::env::consts::ARCH.to_owned(),
        nano_cpus: cpus() * 1_000_000_000,
        memory_bytes: memory_bytes(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine_labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        plugins: plugins(),
        generic_resources: config.generic_resources(),
        // `tls` and the CDI devices are added when it is told.
        ..pb::NodeDescription::default()
    }
}

/// What is built in, each as `<type>/<name>`.
fn plugins() -> Vec<String> {
    let of = |kind: &'static str, names: &'static [&'static str]| {
        names.iter().map(move |name| format!("{kind}/{name}"))
    };
    let drivers = of("Network", &rest::NETWORK_DRIVERS).chain(of("Volume", &rest::VOLUME_DRIVERS));
    of("Log", &engine::LOG_DRIVERS).chain(drivers).collect()
}

fn hostname() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn cpus() -> i64 {
    std::thread::available_parallelism().map_or(1, |count| i64::try_from(count.get()).unwrap_or(1))
}

/// The machine's memory, from proc_meminfo(5).
fn memory_bytes() -> i64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes: Option<i64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or_default() * 1024
}

fn cgroup_version() -> &'static str {
    match runtime::cgroup::detect().map(|layout| layout.version()) {
        Ok(runtime::cgroup::Version::V2) => "2",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_version_can_be_lowered_to_a_floor() {
        for (text, minor) in [
            (None, 40),
            (Some("1.24"), 24),
            (Some("1.30"), 30),
            (Some("1.2"), 24),
            (Some("1.99"), 40),
            (Some("x"), 40),
        ] {
            assert_eq!(min_minor(text), minor, "{text:?}");
        }
    }
}
