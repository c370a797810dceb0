//! The limits in `HostConfig` ↔ the engine's.

use engine::spec::{Device, DeviceRate, DeviceRequest, DeviceWeight, Resources, Ulimit};
use engine_api::container as api;

use crate::failure::Failure;

/// The API's → the engine's.
pub(super) fn spec(request: &api::HostConfig) -> Result<Resources, Failure> {
    refuse(request)?;
    Ok(Resources {
        memory: request.memory,
        memory_swap: request.memory_swap,
        memory_reservation: request.memory_reservation,
        memory_swappiness: request.memory_swappiness.filter(|value| *value != -1),
        kernel_memory: request.kernel_memory.max(request.kernel_memory_tcp),
        oom_kill_disable: request.oom_kill_disable,
        nano_cpus: request.nano_cpus,
        cpu_shares: request.cpu_shares,
        cpu_period: request.cpu_period,
        cpu_quota: request.cpu_quota,
        cpu_realtime_period: request.cpu_realtime_period,
        cpu_realtime_runtime: request.cpu_realtime_runtime,
        cpuset_cpus: request.cpuset_cpus.clone(),
        cpuset_mems: request.cpuset_mems.clone(),
        // Docker takes every number below one for "without limit".
        pids_limit: request.pids_limit.filter(|limit| *limit > 0),
        ulimits: request.ulimits.iter().map(ulimit).collect(),
        devices: request.devices.iter().map(device).collect(),
        device_cgroup_rules: request.device_cgroup_rules.clone(),
        device_requests: request.device_requests.iter().flatten().map(device_request).collect(),
        blkio_weight: request.blkio_weight,
        blkio_weight_devices: request.blkio_weight_device.iter().map(weight).collect(),
        blkio_read_bps: rates(&request.blkio_device_read_bps),
        blkio_write_bps: rates(&request.blkio_device_write_bps),
        blkio_read_iops: rates(&request.blkio_device_read_iops),
        blkio_write_iops: rates(&request.blkio_device_write_iops),
    })
}

/// What only Windows has and Docker refuses on Linux, and numbers that cannot be meant.
fn refuse(request: &api::HostConfig) -> Result<(), Failure> {
    if request.io_maximum_bandwidth != 0 || request.io_maximum_iops != 0 {
        return Err(Failure::invalid(
            "invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps",
        ));
    }
    match request.memory {
        negative if negative < 0 => Err(Failure::invalid(format!("invalid Memory: {negative} is negative"))),
        _ => Ok(()),
    }
}

/// What Docker says of fields that it discards before anybody judges them.
pub(crate) fn warnings(request: &api::ContainerCreateRequest) -> Vec<String> {
    let asked = request.host_config.as_ref().is_some_and(|host| host.cpu_percent > 0);
    let percent = asked.then(|| "linux does not support CPU percent. Percent discarded.".to_owned());
    percent.into_iter().collect()
}

fn ulimit(limit: &api::Ulimit) -> Ulimit {
    Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard }
}

fn device(device: &api::DeviceMapping) -> Device {
    Device {
        path_on_host: device.path_on_host.clone(),
        path_in_container: device.path_in_container.clone(),
        cgroup_permissions: device.cgroup_permissions.clone(),
    }
}

fn device_request(request: &api::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver.clone(),
        count: request.count,
        device_ids: request.device_ids.clone(),
        capabilities: request.capabilities.clone(),
        options: request.options.clone(),
    }
}

pub(super) fn weight(device: &api::WeightDevice) -> DeviceWeight {
    DeviceWeight { path: device.path.clone(), weight: device.weight }
}

pub(super) fn rates(devices: &[api::ThrottleDevice]) -> Vec<DeviceRate> {
    devices.iter().map(|device| DeviceRate { path: device.path.clone(), rate: device.rate }).collect()
}

/// The engine's → the API's; the other fields of the answer are empty.
pub(super) fn told(limits: &Resources) -> api::HostConfig {
    let requests: Vec<_> = limits.device_requests.iter().map(told_request).collect();
    api::HostConfig {
        cpu_shares: limits.cpu_shares,
        memory: limits.memory,
        blkio_weight: limits.blkio_weight,
        blkio_weight_device: limits.blkio_weight_devices.iter().map(told_weight).collect(),
        blkio_device_read_bps: told_rates(&limits.blkio_read_bps),
        blkio_device_write_bps: told_rates(&limits.blkio_write_bps),
        blkio_device_read_iops: told_rates(&limits.blkio_read_iops),
        blkio_device_write_iops: told_rates(&limits.blkio_write_iops),
        cpu_period: limits.cpu_period,
        cpu_quota: limits.cpu_quota,
        cpu_realtime_period: limits.cpu_realtime_period,
        cpu_realtime_runtime: limits.cpu_realtime_runtime,
        cpuset_cpus: limits.cpuset_cpus.clone(),
        cpuset_mems: limits.cpuset_mems.clone(),
        devices: limits.devices.iter().map(told_device).collect(),
        device_cgroup_rules: limits.device_cgroup_rules.clone(),
        device_requests: (!requests.is_empty()).then_some(requests),
        memory_reservation: limits.memory_reservation,
        memory_swap: limits.memory_swap,
        memory_swappiness: limits.memory_swappiness,
        nano_cpus: limits.nano_cpus,
        oom_kill_disable: limits.oom_kill_disable,
        pids_limit: limits.pids_limit,
        ulimits: limits.ulimits.iter().map(told_ulimit).collect(),
        ..api::HostConfig::default()
    }
}

fn told_ulimit(limit: &Ulimit) -> api::Ulimit {
    api::Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard }
}

fn told_device(device: &Device) -> api::DeviceMapping {
    api::DeviceMapping {
        path_on_host: device.path_on_host.clone(),
        path_in_container: device.path_in_container.clone(),
        cgroup_permissions: device.cgroup_permissions.clone(),
    }
}

fn told_request(request: &DeviceRequest) -> api::DeviceRequest {
    api::DeviceRequest {
        driver: request.driver.clone(),
        count: request.count,
        device_ids: request.device_ids.clone(),
        capabilities: request.capabilities.clone(),
        options: request.options.clone(),
    }
}

fn told_weight(device: &DeviceWeight) -> api::WeightDevice {
    api::WeightDevice { path: device.path.clone(), weight: device.weight }
}

fn told_rates(devices: &[DeviceRate]) -> Vec<api::ThrottleDevice> {
    devices
        .iter()
        .map(|device| api::ThrottleDevice { path: device.path.clone(), rate: device.rate })
        .collect()
}
