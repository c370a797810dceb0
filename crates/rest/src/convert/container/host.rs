//! `HostConfig` ↔ the engine's.

use std::collections::BTreeMap;

use engine::spec::{HostConfig, HostPort, LogConfig, NamespaceMode, NetworkMode, Port, RestartPolicy};
use engine_api::container as api;

use super::{mount, resource, shoal};
use crate::failure::Failure;

/// The API's → the engine's.
pub(super) fn spec(request: api::HostConfig) -> Result<HostConfig, Failure> {
    if !matches!(request.isolation.as_str(), "" | "default") {
        let isolation = &request.isolation;
        return Err(Failure::invalid(format!(
            "invalid isolation: {isolation:?} - linux only supports 'default'"
        )));
    }
    let resources = resource::spec(&request)?;
    Ok(HostConfig {
        binds: request.binds,
        mounts: mount::specs(request.mounts)?,
        volumes_from: request.volumes_from.unwrap_or_default(),
        volume_driver: request.volume_driver,
        memory_files: false,
        tmpfs: request.tmpfs,
        port_bindings: port_bindings(request.port_bindings)?,
        publish_all_ports: request.publish_all_ports,
        network_mode: request.network_mode.parse().unwrap_or_else(|never| match never {}),
        restart_policy: restart_policy(&request.restart_policy)?,
        auto_remove: request.auto_remove,
        resources,
        cap_add: request.cap_add,
        cap_drop: request.cap_drop,
        privileged: request.privileged,
        readonly_rootfs: request.readonly_rootfs,
        security_opt: request.security_opt,
        sysctls: request.sysctls,
        shm_size: request.shm_size,
        dns: request.dns,
        dns_search: request.dns_search,
        dns_options: request.dns_options,
        extra_hosts: request.extra_hosts,
        init: request.init,
        oom_score_adj: i32::try_from(request.oom_score_adj)
            .map_err(|_| Failure::invalid("invalid OomScoreAdj: want -1000 to 1000"))?,
        group_add: request.group_add,
        ipc_mode: mode("IPC mode", &request.ipc_mode)?,
        pid_mode: mode("PID mode", &request.pid_mode)?,
        uts_mode: mode("UTS mode", &request.uts_mode)?,
        cgroupns_mode: mode("cgroup namespace mode", &request.cgroupns_mode)?,
        cgroup_parent: request.cgroup_parent,
        masked_paths: request.masked_paths,
        readonly_paths: request.readonly_paths,
        log_config: LogConfig { driver: request.log_config.kind, options: request.log_config.config },
        runtime: request.runtime,
        // Clients send zeros for what is no terminal.
        console_size: request
            .console_size
            .filter(|size| *size != [0, 0])
            .map(|[rows, columns]| (rows, columns)),
        links: request.links.unwrap_or_default(),
        userns_mode: mode("user namespace mode", &request.userns_mode)?,
        annotations: request.annotations,
        storage_opt: request.storage_opt,
        shoal: shoal::spec(request.shoal)?,
    })
}

fn mode(field: &str, text: &str) -> Result<NamespaceMode, Failure> {
    text.parse().map_err(|_| Failure::invalid(format!("invalid {field}: {text}")))
}

pub(super) fn restart_policy(policy: &api::RestartPolicy) -> Result<RestartPolicy, Failure> {
    let maximum_retry_count = u32::try_from(policy.maximum_retry_count)
        .map_err(|_| Failure::invalid("invalid restart policy: maximum retry count cannot be negative"))?;
    Ok(RestartPolicy { name: policy.name.parse()?, maximum_retry_count })
}

fn port_bindings(bindings: api::PortMap) -> Result<BTreeMap<Port, Vec<HostPort>>, Failure> {
    let mut ports = BTreeMap::new();
    for (port, places) in bindings {
        let place = |place: api::PortBinding| HostPort { host_ip: place.host_ip, host_port: place.host_port };
        ports.insert(port.parse()?, places.unwrap_or_default().into_iter().map(place).collect());
    }
    Ok(ports)
}

/// What the daemon does where a container does not say: clients look for it in what is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    /// The log driver.
    pub(crate) log_driver: String,
    /// The runtime.
    pub(crate) runtime: String,
}

fn or(text: &str, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text.to_owned() }
}

/// The name of a network mode, as it is told: the default one is the bridge.
pub(super) fn network_mode(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::Default => NetworkMode::Bridge.to_string(),
        mode => mode.to_string(),
    }
}

/// The engine's → the API's.
pub(super) fn told(host: &HostConfig, defaults: &Defaults) -> api::HostConfig {
    let place = |place: &HostPort| api::PortBinding {
        host_ip: place.host_ip.clone(),
        host_port: place.host_port.clone(),
    };
    let ports = host.port_bindings.iter();
    api::HostConfig {
        binds: host.binds.clone(),
        log_config: api::LogConfig {
            kind: or(&host.log_config.driver, &defaults.log_driver),
            config: host.log_config.options.clone(),
        },
        network_mode: network_mode(&host.network_mode),
        port_bindings: ports
            .map(|(port, p)| (port.to_string(), Some(p.iter().map(place).collect())))
            .collect(),
        restart_policy: api::RestartPolicy {
            name: host.restart_policy.name.to_string(),
            maximum_retry_count: i64::from(host.restart_policy.maximum_retry_count),
        },
        auto_remove: host.auto_remove,
        mounts: host.mounts.iter().map(mount::told).collect(),
        volumes_from: (!host.volumes_from.is_empty()).then(|| host.volumes_from.clone()),
        volume_driver: host.volume_driver.clone(),
        console_size: Some(host.console_size.map_or([0, 0], |(rows, columns)| [rows, columns])),
        cap_add: host.cap_add.clone(),
        cap_drop: host.cap_drop.clone(),
        cgroupns_mode: host.cgroupns_mode.to_string(),
        dns: host.dns.clone(),
        dns_options: host.dns_options.clone(),
        dns_search: host.dns_search.clone(),
        extra_hosts: host.extra_hosts.clone(),
        group_add: host.group_add.clone(),
        ipc_mode: host.ipc_mode.to_string(),
        oom_score_adj: i64::from(host.oom_score_adj),
        pid_mode: host.pid_mode.to_string(),
        privileged: host.privileged,
        publish_all_ports: host.publish_all_ports,
        readonly_rootfs: host.readonly_rootfs,
        security_opt: host.security_opt.clone(),
        tmpfs: host.tmpfs.clone(),
        uts_mode: host.uts_mode.to_string(),
        shm_size: host.shm_size,
        sysctls: host.sysctls.clone(),
        runtime: or(&host.runtime, &defaults.runtime),
        masked_paths: host.masked_paths.clone(),
        readonly_paths: host.readonly_paths.clone(),
        cgroup_parent: host.cgroup_parent.clone(),
        init: host.init,
        links: (!host.links.is_empty()).then(|| host.links.clone()),
        userns_mode: host.userns_mode.to_string(),
        annotations: host.annotations.clone(),
        storage_opt: host.storage_opt.clone(),
        shoal: shoal::told(&host.shoal),
        ..resource::told(&host.resources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::spec::Resources;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-z]{1,8}", 0..3)
    }

    prop_compose! {
        fn host()(
            binds in texts(), cap_add in texts(), dns in texts(), memory in 0..i64::MAX, pids in prop::option::of(1..1000i64),
            init in prop::option::of(any::<bool>()), swappiness in prop::option::of(0..=100i64), privileged in any::<bool>(),
            mode in prop::sample::select(vec!["bridge", "host", "none", "container:web", "mine"]),
            policy in prop::sample::select(vec!["no", "always", "on-failure", "unless-stopped"]),
            port in 1..=u16::MAX, host_port in "[1-9][0-9]{0,3}", masked in prop::option::of(texts()),
            console in prop::option::of((1..u16::MAX, 1..u16::MAX)),
        ) -> HostConfig {
            HostConfig {
                binds, cap_add, dns, init, privileged, masked_paths: masked, console_size: console,
                network_mode: mode.parse().expect("mode"),
                restart_policy: RestartPolicy { name: policy.parse().expect("policy"), maximum_retry_count: 0 },
                port_bindings: [(Port { number: port, protocol: engine::spec::Protocol::Udp },
                    vec![HostPort { host_ip: "127.0.0.1".into(), host_port }])].into(),
                resources: Resources { memory, pids_limit: pids, memory_swappiness: swappiness, ..Resources::default() },
                ..HostConfig::default()
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_told_can_be_asked_for(host in host()) {
            let json = serde_json::to_vec(&told(&host, &Defaults::default())).expect("json");
            let request = engine_api::decode::from_json(&json).expect("decoded");
            prop_assert_eq!(spec(request).expect("spec"), host);
        }
    }
}
