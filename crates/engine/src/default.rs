//! Fills a spec up from the daemon's settings, so that inspect tells what the container really gets: clients read it
//! there (docker-py fetches the output of a container only if its log driver is named). Pure.

use crate::config::EngineConfig;
use crate::plan::merge_log;
use crate::record::short;
use crate::spec::{ContainerSpec, HostConfig, NamespaceMode, NetworkMode};

/// 64 MiB, Docker's.
pub(crate) const SHM_BYTES: i64 = 64 << 20;
/// The runtime of containers that do not name one, as `info` tells it.
pub(crate) const RUNTIME: &str = "shoal-runtime";

/// Writes down what the spec leaves to the daemon. `private_cgroupns` is what the container gets on this machine.
/// A container keeps this when the daemon's settings change later, as with Docker.
pub(crate) fn fill(spec: &mut ContainerSpec, id: &str, engine: &EngineConfig, private_cgroupns: bool) {
    let (config, host) = (&mut spec.config, &mut spec.host);
    if host.network_mode == NetworkMode::Default {
        host.network_mode = NetworkMode::Bridge;
    }
    // With another network namespace comes the name of its owner.
    let own_name = !matches!(host.network_mode, NetworkMode::Container(_) | NetworkMode::Host);
    if config.hostname.is_empty() && own_name && host.uts_mode != NamespaceMode::Host {
        config.hostname = short(id).to_owned();
    }
    host.log_config = merge_log(&host.log_config, &engine.default_log);
    if host.ipc_mode == NamespaceMode::Default {
        host.ipc_mode = match &engine.default_ipc_mode {
            NamespaceMode::Default => NamespaceMode::Private,
            mode => mode.clone(),
        };
    }
    if host.cgroupns_mode == NamespaceMode::Default {
        host.cgroupns_mode = if private_cgroupns { NamespaceMode::Private } else { NamespaceMode::Host };
    }
    if host.shm_size == 0 {
        host.shm_size = if engine.default_shm_size == 0 { SHM_BYTES } else { engine.default_shm_size };
    }
    let limits = &mut host.resources;
    if limits.memory > 0 && limits.memory_swap == 0 {
        limits.memory_swap = limits.memory.saturating_mul(2);
    }
    fill_paths(host);
    if host.runtime.is_empty() {
        let default = engine.default_runtime.as_str();
        host.runtime = if default.is_empty() { RUNTIME } else { default }.to_owned();
    }
}

/// Clients look in these lists for what the container cannot see.
fn fill_paths(host: &mut HostConfig) {
    if host.privileged || host.security_opt.iter().any(|option| option.starts_with("systempaths")) {
        return;
    }
    host.masked_paths.get_or_insert_with(runtime::default::masked_paths);
    host.readonly_paths.get_or_insert_with(runtime::default::readonly_paths);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(change: impl FnOnce(&mut ContainerSpec)) -> ContainerSpec {
        let mut spec = ContainerSpec::default();
        change(&mut spec);
        fill(&mut spec, "0123456789abcdef", &EngineConfig::default(), false);
        spec
    }

    #[test]
    fn what_was_left_open_is_told_as_docker_tells_it() {
        let spec = filled(|_| {});
        assert_eq!(spec.config.hostname, "0123456789ab");
        let host = &spec.host;
        assert_eq!((host.log_config.driver.as_str(), host.runtime.as_str()), ("json-file", RUNTIME));
        assert_eq!(
            (host.network_mode.to_string(), host.ipc_mode.to_string()),
            ("bridge".into(), "private".into())
        );
        assert_eq!((host.cgroupns_mode.to_string(), host.shm_size), ("host".into(), SHM_BYTES));
    }

    #[test]
    fn what_was_asked_for_stays() {
        let spec = filled(|spec| {
            spec.config.hostname = "mine".into();
            spec.host.log_config.driver = "none".into();
            spec.host.shm_size = 1;
            spec.host.cgroupns_mode = NamespaceMode::Private;
        });
        assert_eq!(spec.config.hostname, "mine");
        assert_eq!((spec.host.log_config.driver.as_str(), spec.host.shm_size), ("none", 1));
        assert_eq!(spec.host.cgroupns_mode, NamespaceMode::Private);
    }

    #[test]
    fn who_shares_a_name_has_none_of_its_own() {
        for mode in ["host", "container:other"] {
            let spec = filled(|spec| spec.host.network_mode = mode.parse().unwrap());
            assert_eq!(spec.config.hostname, "", "{mode}");
        }
        assert_eq!(filled(|spec| spec.host.uts_mode = NamespaceMode::Host).config.hostname, "");
    }
}
