//! The container of a task: proto ↔ model.

use engine_api::container::{Healthcheck, Ulimit};
use engine_api::swarm as api;
use swarm_api::pb;

use super::{extras, file, mount, privilege};
use crate::failure::Failure;

/// The model's → the proto.
pub(super) fn spec(spec: api::ContainerSpec) -> Result<pb::ContainerSpec, Failure> {
    if !matches!(spec.isolation.as_str(), "" | "default") {
        let isolation = &spec.isolation;
        return Err(Failure::invalid(format!(
            "invalid Isolation {isolation:?}: on Linux only \"default\" is supported"
        )));
    }
    let mounts = spec.mounts.into_iter().enumerate().map(|(index, wish)| mount::spec(index, wish));
    let oom_score_adj = i32::try_from(spec.oom_score_adj).map_err(|_| {
        Failure::invalid(format!("invalid OomScoreAdj {}: want -1000 to 1000", spec.oom_score_adj))
    })?;
    Ok(pb::ContainerSpec {
        image: spec.image,
        labels: spec.labels.into_iter().collect(),
        command: spec.command,
        args: spec.args,
        hostname: spec.hostname,
        env: spec.env,
        dir: spec.dir,
        user: spec.user,
        tty: spec.tty,
        open_stdin: spec.open_stdin,
        read_only: spec.read_only,
        mounts: mounts.collect::<Result<_, _>>()?,
        stop_signal: spec.stop_signal,
        stop_grace_period_ns: spec.stop_grace_period,
        init: spec.init,
        hosts: spec.hosts,
        healthcheck: spec.health_check.map(healthcheck),
        groups: spec.groups,
        sysctls: spec.sysctls.into_iter().collect(),
        capability_add: spec.capability_add,
        capability_drop: spec.capability_drop,
        ulimits: spec.ulimits.into_iter().map(ulimit).collect(),
        dns: spec.dns_config.map(dns),
        privileges: spec.privileges.map(privilege::spec).transpose()?,
        oom_score_adj,
        shoal: spec.shoal.map(extras::spec),
        secrets: spec.secrets.into_iter().map(file::secret).collect::<Result<_, _>>()?,
        configs: spec.configs.into_iter().map(file::config).collect::<Result<_, _>>()?,
    })
}

fn healthcheck(check: Healthcheck) -> pb::Healthcheck {
    let Healthcheck { test, interval, timeout, start_period, start_interval, retries } = check;
    pb::Healthcheck {
        test,
        interval_ns: interval,
        timeout_ns: timeout,
        start_period_ns: start_period,
        start_interval_ns: start_interval,
        retries,
    }
}

fn ulimit(limit: Ulimit) -> pb::Ulimit {
    pb::Ulimit { name: limit.name, soft: limit.soft, hard: limit.hard }
}

fn told_ulimit(limit: pb::Ulimit) -> Ulimit {
    Ulimit { name: limit.name, soft: limit.soft, hard: limit.hard }
}

fn dns(config: api::DnsConfig) -> pb::DnsConfig {
    pb::DnsConfig { nameservers: config.nameservers, search: config.search, options: config.options }
}

fn told_dns(config: pb::DnsConfig) -> api::DnsConfig {
    api::DnsConfig { nameservers: config.nameservers, search: config.search, options: config.options }
}

fn told_healthcheck(check: pb::Healthcheck) -> Healthcheck {
    Healthcheck {
        test: check.test,
        interval: check.interval_ns,
        timeout: check.timeout_ns,
        start_period: check.start_period_ns,
        start_interval: check.start_interval_ns,
        retries: check.retries,
    }
}

/// The proto → the model's.
pub(super) fn told(spec: pb::ContainerSpec) -> api::ContainerSpec {
    api::ContainerSpec {
        image: spec.image,
        labels: spec.labels.into_iter().collect(),
        command: spec.command,
        args: spec.args,
        hostname: spec.hostname,
        env: spec.env,
        dir: spec.dir,
        user: spec.user,
        tty: spec.tty,
        open_stdin: spec.open_stdin,
        read_only: spec.read_only,
        mounts: spec.mounts.into_iter().map(mount::told).collect(),
        stop_signal: spec.stop_signal,
        stop_grace_period: spec.stop_grace_period_ns,
        hosts: spec.hosts,
        isolation: "default".to_owned(),
        init: spec.init,
        health_check: spec.healthcheck.map(told_healthcheck),
        groups: spec.groups,
        sysctls: spec.sysctls.into_iter().collect(),
        capability_add: spec.capability_add,
        capability_drop: spec.capability_drop,
        ulimits: spec.ulimits.into_iter().map(told_ulimit).collect(),
        dns_config: spec.dns.map(told_dns),
        privileges: spec.privileges.map(privilege::told),
        oom_score_adj: i64::from(spec.oom_score_adj),
        shoal: spec.shoal.map(extras::told),
        secrets: spec.secrets.into_iter().map(file::told_secret).collect(),
        configs: spec.configs.into_iter().map(file::told_config).collect(),
    }
}
