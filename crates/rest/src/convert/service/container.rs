//! The container of a task: proto ↔ model.

use engine_api::container::Healthcheck;
use engine_api::mount as mount_api;
use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

/// The model's → the proto.
pub(super) fn spec(spec: api::ContainerSpec) -> Result<pb::ContainerSpec, Failure> {
    if !matches!(spec.isolation.as_str(), "" | "default") {
        let isolation = &spec.isolation;
        return Err(Failure::invalid(format!(
            "invalid Isolation {isolation:?}: on Linux only \"default\" is supported"
        )));
    }
    let mounts = spec.mounts.into_iter().enumerate().map(|(index, wish)| mount(index, wish));
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

fn mount(index: usize, wish: mount_api::Mount) -> Result<pb::Mount, Failure> {
    let kind = match wish.kind.as_str() {
        "bind" => pb::MountType::Bind,
        "tmpfs" => pb::MountType::Tmpfs,
        "" => return Err(Failure::invalid(format!("Mounts[{index}].Type is missing: want bind or tmpfs"))),
        other @ ("volume" | "image" | "cluster" | "npipe") => {
            return Err(Failure::missing(format_args!("Mounts[{index}].Type {other:?} of a service")));
        }
        other => {
            return Err(Failure::invalid(format!("invalid MountType: {other:?} in Mounts[{index}].Type")));
        }
    };
    if wish.tmpfs_options.is_some_and(|options| options != mount_api::TmpfsOptions::default()) {
        return Err(Failure::missing(format_args!("Mounts[{index}].TmpfsOptions of a service")));
    }
    if wish.volume_options.is_some_and(|options| options != mount_api::VolumeOptions::default()) {
        return Err(Failure::missing(format_args!("Mounts[{index}].VolumeOptions of a service")));
    }
    let options = wish.bind_options.unwrap_or_default();
    if options.read_only_non_recursive || options.read_only_force_recursive {
        return Err(Failure::missing(format_args!("Mounts[{index}].BindOptions.ReadOnly… of a service")));
    }
    Ok(pb::Mount {
        r#type: kind.into(),
        source: wish.source,
        target: wish.target,
        read_only: wish.read_only,
        propagation: options.propagation,
        non_recursive: options.non_recursive,
        create_mountpoint: options.create_mountpoint,
    })
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
        mounts: spec.mounts.into_iter().map(told_mount).collect(),
        stop_signal: spec.stop_signal,
        stop_grace_period: spec.stop_grace_period_ns,
        hosts: spec.hosts,
        isolation: "default".to_owned(),
        init: spec.init,
        health_check: spec.healthcheck.map(told_healthcheck),
        ..api::ContainerSpec::default()
    }
}

fn told_mount(mount: pb::Mount) -> mount_api::Mount {
    let kind = match mount.r#type() {
        pb::MountType::Bind => "bind",
        pb::MountType::Volume => "volume",
        pb::MountType::Tmpfs => "tmpfs",
    };
    let options = mount_api::BindOptions {
        propagation: mount.propagation,
        non_recursive: mount.non_recursive,
        create_mountpoint: mount.create_mountpoint,
        ..mount_api::BindOptions::default()
    };
    mount_api::Mount {
        kind: kind.to_owned(),
        source: mount.source,
        target: mount.target,
        read_only: mount.read_only,
        bind_options: (options != mount_api::BindOptions::default()).then_some(options),
        ..mount_api::Mount::default()
    }
}
