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
        ..pb::ContainerSpec::default()
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
        "volume" => pb::MountType::Volume,
        "" => {
            let words = "want bind, volume or tmpfs";
            return Err(Failure::invalid(format!("Mounts[{index}].Type is missing: {words}")));
        }
        other @ ("image" | "cluster" | "npipe") => {
            return Err(Failure::missing(format_args!("Mounts[{index}].Type {other:?} of a service")));
        }
        other => {
            return Err(Failure::invalid(format!("invalid MountType: {other:?} in Mounts[{index}].Type")));
        }
    };
    let bind = wish.bind_options.unwrap_or_default();
    let volume = wish.volume_options.unwrap_or_default();
    let driver = volume.driver_config.unwrap_or_default();
    let memory = wish.tmpfs_options.unwrap_or_default();
    Ok(pb::Mount {
        r#type: kind.into(),
        source: wish.source,
        target: wish.target,
        read_only: wish.read_only,
        propagation: bind.propagation,
        non_recursive: bind.non_recursive,
        create_mountpoint: bind.create_mountpoint,
        read_only_non_recursive: bind.read_only_non_recursive,
        read_only_force_recursive: bind.read_only_force_recursive,
        no_copy: volume.no_copy,
        labels: volume.labels.into_iter().collect(),
        driver: driver.name,
        driver_options: driver.options.into_iter().collect(),
        subpath: volume.subpath,
        size_bytes: memory.size_bytes,
        mode: memory.mode,
        options: memory.options.iter().map(|words| words.join("=")).collect(),
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
    let bind = mount_api::BindOptions {
        propagation: mount.propagation,
        non_recursive: mount.non_recursive,
        create_mountpoint: mount.create_mountpoint,
        read_only_non_recursive: mount.read_only_non_recursive,
        read_only_force_recursive: mount.read_only_force_recursive,
    };
    let driver =
        mount_api::DriverConfig { name: mount.driver, options: mount.driver_options.into_iter().collect() };
    let volume = mount_api::VolumeOptions {
        no_copy: mount.no_copy,
        labels: mount.labels.into_iter().collect(),
        driver_config: (driver != mount_api::DriverConfig::default()).then_some(driver),
        subpath: mount.subpath,
    };
    let memory = mount_api::TmpfsOptions {
        size_bytes: mount.size_bytes,
        mode: mount.mode,
        options: mount.options.iter().map(|word| word.splitn(2, '=').map(str::to_owned).collect()).collect(),
    };
    mount_api::Mount {
        kind: kind.to_owned(),
        source: mount.source,
        target: mount.target,
        read_only: mount.read_only,
        bind_options: (bind != mount_api::BindOptions::default()).then_some(bind),
        volume_options: (volume != mount_api::VolumeOptions::default()).then_some(volume),
        tmpfs_options: (memory != mount_api::TmpfsOptions::default()).then_some(memory),
        ..mount_api::Mount::default()
    }
}
