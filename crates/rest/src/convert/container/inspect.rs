//! One container's record → what inspect tells.

use std::collections::BTreeMap;

use engine::spec::Config;
use engine::{Paths, Record, State, Status};
use engine_api::Timestamp;
use engine_api::container::{ContainerConfig, ContainerInspectResponse, ContainerState, DriverData, Empty};
use engine_api::mount::MountPoint;

use super::host::{self, Defaults};
use super::{health, network};
use crate::http::version::Version;

/// Where a container's files lie.
pub(crate) struct Rooted {
    /// The engine's files.
    pub(crate) paths: Paths,
    /// The directories of its root, if they are there.
    pub(crate) rootfs: Option<image::Rootfs>,
    /// Name of the storage driver that keeps it.
    pub(crate) driver: String,
}

/// What inspect tells of a container.
pub(crate) fn inspect(
    record: &Record,
    rooted: &Rooted,
    defaults: &Defaults,
    version: Version,
) -> ContainerInspectResponse {
    let path = |path: &std::path::Path| path.display().to_string();
    ContainerInspectResponse {
        id: record.id.clone(),
        created: Timestamp::from_ns(record.created_ns),
        path: record.path.clone(),
        args: record.args.clone(),
        state: state(&record.state),
        image: record.image_id.clone(),
        resolv_conf_path: path(&rooted.paths.resolv_conf),
        hostname_path: path(&rooted.paths.hostname),
        hosts_path: path(&rooted.paths.hosts),
        log_path: if record.spec.host.log_config.driver != "json-file" {
            String::new()
        } else {
            path(&rooted.paths.log)
        },
        name: format!("/{}", record.name),
        restart_count: i64::from(record.restart_count),
        driver: rooted.driver.clone(),
        platform: "linux".to_owned(),
        host_config: host::told(&record.spec.host, defaults),
        graph_driver: graph_driver(rooted),
        mounts: mounts(record),
        config: config(&record.spec.config, &record.spec.image),
        network_settings: network::settings(record, version),
        ..ContainerInspectResponse::default()
    }
}

fn state(state: &State) -> ContainerState {
    ContainerState {
        status: state.status.to_string(),
        running: state.status.is_active(),
        paused: state.status == Status::Paused,
        restarting: state.status == Status::Restarting,
        oom_killed: state.oom_killed,
        dead: state.status == Status::Dead,
        pid: i64::from(state.pid),
        exit_code: i64::from(state.exit_code),
        error: state.error.clone(),
        started_at: Timestamp::from_ns_or_never(state.started_ns),
        finished_at: Timestamp::from_ns_or_never(state.finished_ns),
        health: state.health.as_ref().map(health::found),
    }
}

fn config(config: &Config, image: &str) -> ContainerConfig {
    let empties = |paths: &mut dyn Iterator<Item = String>| {
        paths.map(|path| (path, Empty {})).collect::<BTreeMap<_, _>>()
    };
    let volumes = empties(&mut config.volumes.iter().cloned());
    ContainerConfig {
        hostname: config.hostname.clone(),
        domainname: config.domainname.clone(),
        user: config.user.clone(),
        attach_stdin: config.attach_stdin,
        attach_stdout: config.attach_stdout,
        attach_stderr: config.attach_stderr,
        exposed_ports: empties(&mut config.exposed_ports.iter().map(ToString::to_string)),
        tty: config.tty,
        open_stdin: config.open_stdin,
        stdin_once: config.stdin_once,
        env: config.env.clone(),
        cmd: config.cmd.clone(),
        image: image.to_owned(),
        volumes: (!volumes.is_empty()).then_some(volumes),
        working_dir: config.working_dir.clone(),
        entrypoint: config.entrypoint.clone(),
        network_disabled: config.network_disabled,
        on_build: config.on_build.clone(),
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone().unwrap_or_default(),
        stop_timeout: config.stop_timeout,
        shell: config.shell.clone(),
        mac_address: config.mac_address.clone(),
        healthcheck: config.healthcheck.as_ref().map(health::told),
        ..ContainerConfig::default()
    }
}

/// What is mounted, for inspect and for lists.
pub(super) fn mounts(record: &Record) -> Vec<MountPoint> {
    let told = |mount: &engine::MountPoint| MountPoint {
        kind: mount.kind.clone(),
        name: mount.name.clone(),
        driver: mount.driver.clone(),
        source: mount.source.clone(),
        destination: mount.destination.clone(),
        mode: mount.mode.clone(),
        rw: mount.rw,
        propagation: mount.propagation.clone(),
    };
    record.mounts.iter().map(told).collect()
}

fn graph_driver(rooted: &Rooted) -> DriverData {
    let told = |rootfs: &image::Rootfs| {
        let lowers: Vec<_> = rootfs.lowers.iter().map(|lower| lower.display().to_string()).collect();
        BTreeMap::from([
            ("LowerDir".to_owned(), lowers.join(":")),
            ("UpperDir".to_owned(), rootfs.upper.display().to_string()),
            ("WorkDir".to_owned(), rootfs.work.display().to_string()),
        ])
    };
    // The other drivers have nothing to tell, with Docker too.
    let data = rooted.rootfs.as_ref().filter(|_| rooted.driver == "overlay2").map(told);
    DriverData { name: rooted.driver.clone(), data }
}
