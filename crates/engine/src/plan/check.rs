//! What can be wrong with a spec by itself, each thing in Docker's words.

use crate::cgroup::{CgroupDriver, is_parent};
use crate::config::EngineConfig;
use crate::default;
use crate::spec::{ContainerSpec, HostConfig, Invalid, NamespaceMode, NetworkMode, RestartCondition};

/// The longest host name and domain name the kernel takes, in bytes.
const NAME_MAX: usize = 64;
/// The one option that Docker knows for the storage driver, and only on xfs with project quotas.
const SIZE_OPTION: &str = "size";

pub(super) fn check(spec: &ContainerSpec, engine: &EngineConfig) -> Result<(), Invalid> {
    let (config, host) = (&spec.config, &spec.host);
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return Err(Invalid::WorkingDir(config.working_dir.clone()));
    }
    if config.hostname.len() > NAME_MAX {
        return Err(Invalid::Hostname(config.hostname.clone()));
    }
    if config.domainname.len() > NAME_MAX {
        return Err(Invalid::Domainname(config.domainname.clone()));
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
    runtime(&host.runtime, engine)?;
    host_config(host)?;
    if !is_parent(engine.cgroup_driver, &host.cgroup_parent) {
        return Err(match engine.cgroup_driver {
            CgroupDriver::Cgroupfs => Invalid::CgroupParent(host.cgroup_parent.clone()),
            CgroupDriver::Systemd => Invalid::Slice,
        });
    }
    if crate::userns::of(engine, host).is_some() {
        user_namespace(host)?;
    }
    network(spec)
}

/// What a container cannot have that is not the host's root.
fn user_namespace(host: &HostConfig) -> Result<(), Invalid> {
    let wrong = |what| Err(Invalid::Bound(what));
    if host.privileged {
        return wrong(
            "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace \
             when running privileged mode",
        );
    }
    if host.network_mode == NetworkMode::Host {
        return wrong("cannot share the host's network namespace when user namespaces are enabled");
    }
    if host.pid_mode == NamespaceMode::Host {
        return wrong("cannot share the host PID namespace when user namespaces are enabled");
    }
    Ok(())
}

/// A configured runtime comes before the names that mean the built-in one: scripts say `runc` by habit.
fn runtime(name: &str, engine: &EngineConfig) -> Result<(), Invalid> {
    let built_in = matches!(name, "" | default::RUNTIME | "shoal" | "runc" | "io.containerd.runc.v2");
    if built_in || engine.runtimes.contains_key(name) {
        return Ok(());
    }
    Err(Invalid::Runtime(name.to_owned()))
}

fn host_config(host: &HostConfig) -> Result<(), Invalid> {
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        return Err(Invalid::OomScore(host.oom_score_adj));
    }
    if host.shm_size < 0 {
        return Err(Invalid::Bound("SHM size can not be less than 0"));
    }
    for path in host.masked_paths.iter().flatten().chain(host.readonly_paths.iter().flatten()) {
        if !path.starts_with('/') {
            return Err(Invalid::RelativePath { field: "HostConfig.MaskedPaths", path: path.clone() });
        }
    }
    if !matches!(host.userns_mode, NamespaceMode::Default | NamespaceMode::Host) {
        return Err(Invalid::Mode { field: "user namespace mode", value: host.userns_mode.to_string() });
    }
    match host.storage_opt.keys().next() {
        Some(key) if key.eq_ignore_ascii_case(SIZE_OPTION) => Err(Invalid::StorageOpt(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option".to_owned(),
        )),
        Some(key) => Err(Invalid::StorageOpt(format!("Unknown option {key}"))),
        None => Ok(()),
    }
}

/// What the network mode excludes.
fn network(spec: &ContainerSpec) -> Result<(), Invalid> {
    let (config, host) = (&spec.config, &spec.host);
    let shared = matches!(host.network_mode, NetworkMode::Container(_));
    let hosts = host.network_mode == NetworkMode::Host;
    let named = !config.hostname.is_empty();
    let conflicts = [
        (named && host.uts_mode == NamespaceMode::Host, "hostname and the UTS mode"),
        (named && shared, "hostname and the network mode"),
        (
            !host.links.is_empty() && shared,
            "container type network can't be used with links. This would result in undefined behavior",
        ),
        (
            !host.links.is_empty() && hosts,
            "host type networking can't be used with links. This would result in undefined behavior",
        ),
        (!host.dns.is_empty() && shared, "dns and the network mode"),
        (!host.extra_hosts.is_empty() && shared, "custom host-to-IP mapping and the network mode"),
        (!config.mac_address.is_empty() && (shared || hosts), "mac-address and the network mode"),
        (
            shared && (!host.port_bindings.is_empty() || host.publish_all_ports),
            "port publishing and the container type network mode",
        ),
    ];
    if let Some((_, what)) = conflicts.into_iter().find(|(conflict, _)| *conflict) {
        return Err(Invalid::NetworkMode(what));
    }
    let alone = |name: &String| matches!(name.as_str(), "host" | "none");
    if spec.networks.len() > 1 && spec.networks.keys().any(alone) {
        return Err(Invalid::Networks(
            "container cannot be connected to multiple networks with one of the networks in private (none) or host mode",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(change: impl FnOnce(&mut ContainerSpec)) -> String {
        let mut spec = ContainerSpec::default();
        change(&mut spec);
        check(&spec, &EngineConfig::default()).unwrap_err().to_string()
    }

    #[test]
    fn dockers_sentences() {
        let long = "a".repeat(65);
        assert!(said(|s| s.config.hostname.clone_from(&long)).starts_with("invalid hostname"));
        assert!(said(|s| s.config.domainname.clone_from(&long)).starts_with("invalid domainname"));
        assert_eq!(
            said(|s| s.config.working_dir = "rel".into()),
            "the working directory 'rel' is invalid, it needs to be an absolute path"
        );
        assert_eq!(
            said(|s| s.host.oom_score_adj = 2000),
            "Invalid value 2000, range for oom score adj is [-1000, 1000]"
        );
        assert_eq!(
            said(|s| drop(s.host.storage_opt.insert("size".into(), "1G".into()))),
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        );
        assert_eq!(
            said(|s| {
                s.config.hostname = "x".into();
                s.host.uts_mode = NamespaceMode::Host;
            }),
            "conflicting options: hostname and the UTS mode"
        );
        assert!(said(|s| s.host.userns_mode = NamespaceMode::Private).contains("user namespace mode"));
    }

    #[test]
    fn the_hosts_namespaces_are_not_for_another_root() {
        let engine = EngineConfig { userns: Some(crate::IdMaps::default()), ..EngineConfig::default() };
        let changes: [fn(&mut HostConfig); 3] = [
            |host| host.privileged = true,
            |host| host.network_mode = NetworkMode::Host,
            |host| host.pid_mode = NamespaceMode::Host,
        ];
        for change in changes {
            let mut spec = ContainerSpec::default();
            change(&mut spec.host);
            assert!(check(&spec, &engine).is_err());
            spec.host.userns_mode = NamespaceMode::Host;
            assert_eq!(check(&spec, &engine), Ok(()));
        }
    }
}
