//! A task as a container's spec. Pure: the same task gives the same spec.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::spec::{Config, ContainerSpec, Healthcheck, HostConfig, LogConfig};
use swarm_api::{expand, naming, pb};

use super::{extras, label, limit, mount, network, port, privilege};

/// What the daemon's configuration adds to every task's container.
#[derive(Debug, Default)]
pub(crate) struct Defaults {
    /// `--init`
    pub(crate) init: bool,
    /// Where CDI devices are described.
    pub(crate) cdi_spec_dirs: Vec<PathBuf>,
}

/// Nanoseconds in a second.
const SECOND_NS: i64 = 1_000_000_000;

/// The container of `task` on `node`; a sentence when the task cannot be one.
pub(super) fn container(
    task: &pb::Task,
    node: &pb::NodeDescription,
    defaults: &Defaults,
) -> Result<ContainerSpec, String> {
    let spec = task.spec.as_ref().ok_or("the task has no spec")?;
    if spec.container.is_none() {
        return Err("the task has no container".to_owned());
    }
    let container = &expand::container(node, task).map_err(|error| error.to_string())?;
    let mut host = host(task, spec, container)?;
    let (network_mode, networks) = network::places(task)?;
    host.network_mode = network_mode;
    if let Some(extras) = &container.shoal {
        extras::apply(task, extras, &mut host)?;
    }
    host.init = Some(container.init.unwrap_or(defaults.init));
    Ok(ContainerSpec {
        name: Some(naming::task(task)),
        image: container.image.clone(),
        config: config(task, container),
        host,
        networks,
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
        env: environment(task, container),
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
    let mounts = container.mounts.iter().map(mount::mount).collect::<Result<_, _>>()?;
    let dns = container.dns.clone().unwrap_or_default();
    let port_bindings = port::host_mode(task)
        .filter_map(|config| Some((port::container_port(config)?, vec![port::host_port(config)])))
        .collect();
    Ok(HostConfig {
        mounts,
        port_bindings,
        resources: limit::resources(spec, container),
        readonly_rootfs: container.read_only,
        extra_hosts: extra_hosts(&container.hosts)?,
        dns: dns.nameservers,
        dns_search: dns.search,
        dns_options: dns.options,
        group_add: container.groups.clone(),
        cap_add: container.capability_add.clone(),
        cap_drop: container.capability_drop.clone(),
        sysctls: container.sysctls.clone().into_iter().collect(),
        oom_score_adj: container.oom_score_adj,
        security_opt: privilege::options(container.privileges.as_ref())?,
        log_config: spec.log_driver.as_ref().map(log).unwrap_or_default(),
        memory_files: !container.secrets.is_empty() || !container.configs.is_empty(),
        ..HostConfig::default()
    })
}

/// The variables of the spec, and those that tell which of the node's generic resources are the task's, as Docker names
/// them: `DOCKER_RESOURCE_GPU=UUID1,UUID2`, `DOCKER_RESOURCE_SSD=3`.
fn environment(task: &pb::Task, container: &pb::ContainerSpec) -> Vec<String> {
    let mut by_kind: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in &task.assigned_generic {
        let value = match resource.value.as_str() {
            "" => resource.count.to_string(),
            name => name.to_owned(),
        };
        by_kind.entry(resource.kind.to_uppercase()).or_default().push(value);
    }
    let told =
        by_kind.into_iter().map(|(kind, values)| format!("DOCKER_RESOURCE_{kind}={}", values.join(",")));
    container.env.iter().cloned().chain(told).collect()
}

/// The swarm writes hosts as the file has them, `address name [alias...]`; the engine takes each `name:address`.
fn extra_hosts(lines: &[String]) -> Result<Vec<String>, String> {
    let mut hosts = Vec::new();
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().unwrap_or_default();
        let before = hosts.len();
        hosts.extend(words.map(|name| format!("{name}:{address}")));
        if hosts.len() == before {
            return Err(format!("invalid host entry {line:?}: expected an address and a name"));
        }
    }
    Ok(hosts)
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
            &pb::NodeDescription::default(),
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
        let spec = container(&task, &pb::NodeDescription::default(), &Defaults::default()).unwrap();
        let bindings: Vec<_> = spec.host.port_bindings.iter().collect();
        assert_eq!(bindings.len(), 1);
        assert_eq!((bindings[0].0.number, bindings[0].1[0].host_port.as_str()), (80, "8080"));
    }

    #[test]
    fn what_the_process_may_is_handed_on() {
        let spec = pb::ContainerSpec {
            groups: vec!["audio".into()],
            sysctls: [("net.core.somaxconn".into(), "64".into())].into(),
            capability_add: vec!["NET_ADMIN".into()],
            capability_drop: vec!["CHOWN".into()],
            oom_score_adj: -5,
            dns: Some(pb::DnsConfig {
                nameservers: vec!["1.1.1.1".into()],
                search: vec!["corp".into()],
                options: vec!["ndots:2".into()],
            }),
            hosts: vec!["10.0.0.1 db  store".into(), "host-gateway me".into()],
            ..Default::default()
        };
        let host =
            container(&task(spec), &pb::NodeDescription::default(), &Defaults::default()).unwrap().host;
        assert_eq!(host.extra_hosts, ["db:10.0.0.1", "store:10.0.0.1", "me:host-gateway"]);
        assert_eq!(
            (&host.dns[..], &host.dns_search[..]),
            (&["1.1.1.1".to_owned()][..], &["corp".to_owned()][..])
        );
        assert_eq!((host.dns_options.len(), host.oom_score_adj), (1, -5));
        assert_eq!((&host.cap_add[0], &host.cap_drop[0]), (&"NET_ADMIN".to_owned(), &"CHOWN".to_owned()));
        assert_eq!(
            (&host.group_add[0], &host.sysctls["net.core.somaxconn"]),
            (&"audio".to_owned(), &"64".to_owned())
        );
    }

    #[test]
    fn assigned_resources_are_told_in_the_environment() {
        let mut task = task(pb::ContainerSpec { env: vec!["A=1".into()], ..Default::default() });
        let named = |value: &str| pb::GenericResource { kind: "gpu".into(), value: value.into(), count: 0 };
        let counted = pb::GenericResource { kind: "fpga".into(), count: 2, ..Default::default() };
        task.assigned_generic = vec![named("UUID1"), counted, named("UUID2")];
        let env = container(&task, &pb::NodeDescription::default(), &Defaults::default()).unwrap().config.env;
        assert_eq!(env, ["A=1", "DOCKER_RESOURCE_FPGA=2", "DOCKER_RESOURCE_GPU=UUID1,UUID2"]);
    }
}
