//! A task as a container's spec. Pure: the same task gives the same spec.

use engine::spec::{
    Config, ContainerSpec, Healthcheck, HostConfig, LogConfig, Mount, MountKind, NetworkMode, Propagation,
    Resources, VolumeMount,
};
use swarm_api::pb;

use super::{label, port};

/// What the daemon's configuration adds to every task's container.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    /// `--init`
    pub(crate) init: bool,
}

/// Nanoseconds in a second.
const SECOND_NS: i64 = 1_000_000_000;

/// The container of `task`; a sentence when the task cannot be one on any node of this version.
pub(super) fn container(task: &pb::Task, defaults: &Defaults) -> Result<ContainerSpec, String> {
    let spec = task.spec.as_ref().ok_or("the task has no spec")?;
    let container = spec.container.as_ref().ok_or("the task has no container")?;
    let mut host = host(task, spec, container)?;
    host.init = Some(container.init.unwrap_or(defaults.init));
    Ok(ContainerSpec {
        name: Some(label::container_name(task)),
        image: container.image.clone(),
        config: config(task, container),
        host,
        networks: Default::default(),
    })
}

fn config(task: &pb::Task, container: &pb::ContainerSpec) -> Config {
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    Config {
        hostname: container.hostname.clone(),
        user: container.user.clone(),
        exposed_ports: port::host_mode(task).filter_map(port::container_port).collect(),
        tty: container.tty,
        open_stdin: container.open_stdin,
        env: container.env.clone(),
        // In a service `command` replaces the image's entry point, `args` its command.
        entrypoint: some(&container.command),
        cmd: some(&container.args),
        labels: label::labels(task, container),
        working_dir: container.dir.clone(),
        stop_signal: (!container.stop_signal.is_empty()).then(|| container.stop_signal.clone()),
        stop_timeout: container.stop_grace_period_ns.map(|grace| grace / SECOND_NS),
        healthcheck: container.healthcheck.as_ref().map(healthcheck),
        ..Config::default()
    }
}

fn healthcheck(check: &pb::Healthcheck) -> Healthcheck {
    Healthcheck {
        test: check.test.clone(),
        interval: check.interval_ns,
        timeout: check.timeout_ns,
        start_period: check.start_period_ns,
        start_interval: check.start_interval_ns,
        retries: check.retries,
    }
}

fn host(task: &pb::Task, spec: &pb::TaskSpec, container: &pb::ContainerSpec) -> Result<HostConfig, String> {
    let mounts = container.mounts.iter().map(mount).collect::<Result<_, _>>()?;
    let port_bindings = port::host_mode(task)
        .filter_map(|config| Some((port::container_port(config)?, vec![port::host_port(config)])))
        .collect();
    Ok(HostConfig {
        mounts,
        port_bindings,
        network_mode: network(spec)?,
        resources: resources(spec),
        readonly_rootfs: container.read_only,
        extra_hosts: container.hosts.iter().map(|line| extra_host(line)).collect::<Result<_, _>>()?,
        log_config: spec.log_driver.as_ref().map(log).unwrap_or_default(),
        ..HostConfig::default()
    })
}

fn mount(mount: &pb::Mount) -> Result<Mount, String> {
    let kind = match mount.r#type() {
        pb::MountType::Bind => MountKind::Bind {
            source: mount.source.clone(),
            propagation: Propagation::parse(&mount.propagation).ok_or_else(|| {
                format!("invalid propagation {:?} of the mount at {}", mount.propagation, mount.target)
            })?,
            non_recursive: mount.non_recursive,
            create_mountpoint: mount.create_mountpoint,
            read_only_non_recursive: mount.read_only_non_recursive,
            read_only_force_recursive: mount.read_only_force_recursive,
        },
        pb::MountType::Tmpfs => MountKind::Tmpfs {
            size_bytes: u64::try_from(mount.size_bytes)
                .map_err(|_| format!("the size of the mount at {} is negative", mount.target))?,
            mode: (mount.mode != 0).then_some(mount.mode),
            options: mount.options.clone(),
        },
        pb::MountType::Volume => MountKind::Volume(VolumeMount {
            name: mount.source.clone(),
            no_copy: mount.no_copy,
            labels: mount.labels.clone().into_iter().collect(),
            driver: mount.driver.clone(),
            driver_options: mount.driver_options.clone().into_iter().collect(),
            subpath: mount.subpath.clone(),
        }),
    };
    Ok(Mount { target: mount.target.clone(), read_only: mount.read_only, kind })
}

/// The one network a task asks for, or the default bridge.
fn network(spec: &pb::TaskSpec) -> Result<NetworkMode, String> {
    match spec.networks.as_slice() {
        [] => Ok(NetworkMode::Default),
        [one] if matches!(one.target.as_str(), "host" | "none" | "bridge") => {
            one.target.parse().map_err(|_| "invalid network".to_owned())
        }
        _ => Err("networks of services are not implemented yet".to_owned()),
    }
}

fn resources(spec: &pb::TaskSpec) -> Resources {
    let required = spec.resources.clone().unwrap_or_default();
    let limits = required.limits.unwrap_or_default();
    Resources {
        memory: limits.memory_bytes,
        memory_reservation: required.reservations.map_or(0, |reserved| reserved.memory_bytes),
        nano_cpus: limits.nano_cpus,
        pids_limit: (limits.pids > 0).then_some(limits.pids),
        ..Resources::default()
    }
}

/// The swarm writes hosts as the file has them, `address name [alias...]`; the engine takes `name:address`.
fn extra_host(line: &str) -> Result<String, String> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(address), Some(name), None) => Ok(format!("{name}:{address}")),
        _ => Err(format!("invalid host entry {line:?}: expected an address and a name")),
    }
}

fn log(driver: &pb::LogDriver) -> LogConfig {
    LogConfig {
        driver: driver.name.clone(),
        options: driver.options.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(container: pb::ContainerSpec) -> pb::Task {
        pb::Task {
            id: "t1".into(),
            service_id: "s1".into(),
            service_name: "web".into(),
            slot: 2,
            node_id: "n1".into(),
            spec: Some(pb::TaskSpec { container: Some(container), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn names_labels_and_command() {
        let mut labels = std::collections::HashMap::new();
        labels.insert("com.docker.swarm.task.id".to_owned(), "forged".to_owned());
        let spec = container(
            &task(pb::ContainerSpec {
                image: "busybox".into(),
                args: vec!["sleep".into()],
                labels,
                stop_grace_period_ns: Some(3 * SECOND_NS),
                healthcheck: Some(pb::Healthcheck { retries: 7, ..Default::default() }),
                ..Default::default()
            }),
            &Defaults::default(),
        )
        .unwrap();
        assert_eq!(spec.name.as_deref(), Some("web.2.t1"));
        assert_eq!(spec.config.labels["com.docker.swarm.task.id"], "t1");
        assert_eq!((spec.config.entrypoint, spec.config.cmd), (None, Some(vec!["sleep".to_owned()])));
        assert_eq!(spec.config.stop_timeout, Some(3));
        assert_eq!(spec.config.healthcheck.map(|check| check.retries), Some(7));
    }

    #[test]
    fn host_mode_ports_are_published_and_ingress_ports_are_not() {
        let mut task = task(pb::ContainerSpec::default());
        let port = |target_port, mode: pb::PublishMode| pb::PortConfig {
            target_port,
            published_port: 8080,
            publish_mode: mode.into(),
            ..Default::default()
        };
        task.endpoint = Some(pb::Endpoint {
            spec: None,
            ports: vec![port(80, pb::PublishMode::Host), port(81, pb::PublishMode::Ingress)],
            ..Default::default()
        });
        let spec = container(&task, &Defaults::default()).unwrap();
        let bindings: Vec<_> = spec.host.port_bindings.iter().collect();
        assert_eq!(bindings.len(), 1);
        assert_eq!((bindings[0].0.number, bindings[0].1[0].host_port.as_str()), (80, "8080"));
    }

    #[test]
    fn volumes_and_memory_are_mounted_as_asked() {
        let volume = pb::Mount {
            r#type: pb::MountType::Volume.into(),
            source: "data".into(),
            target: "/v".into(),
            no_copy: true,
            ..Default::default()
        };
        let memory = pb::Mount {
            r#type: pb::MountType::Tmpfs.into(),
            target: "/m".into(),
            size_bytes: 4096,
            ..Default::default()
        };
        let mounts = vec![volume, memory];
        let spec = container(&task(pb::ContainerSpec { mounts, ..Default::default() }), &Defaults::default());
        let mounts = spec.unwrap().host.mounts;
        let wish = VolumeMount { name: "data".into(), no_copy: true, ..VolumeMount::default() };
        assert_eq!(mounts[0].kind, MountKind::Volume(wish));
        assert_eq!(mounts[1].kind, MountKind::Tmpfs { size_bytes: 4096, mode: None, options: Vec::new() });
    }

    #[test]
    fn what_cannot_be_honoured_is_said() {
        let mut with_network = task(pb::ContainerSpec::default());
        with_network.spec.as_mut().unwrap().networks =
            vec![pb::NetworkAttachmentConfig { target: "front".into(), ..Default::default() }];
        assert!(container(&with_network, &Defaults::default()).unwrap_err().contains("not implemented"));
    }
}
