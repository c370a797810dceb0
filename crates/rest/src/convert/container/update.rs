//! The body of an update → the engine's change.

use engine::spec::{Resources, Update};
use engine_api::container::ContainerUpdateRequest;

use super::{host, resource};
use crate::failure::Failure;

/// The engine's change.
pub(crate) fn update(request: ContainerUpdateRequest) -> Result<Update, Failure> {
    for (field, value) in [("Memory", request.memory), ("NanoCpus", request.nano_cpus)] {
        if value < 0 {
            return Err(Failure::invalid(format!("invalid {field}: {value} is negative")));
        }
    }
    let policy = &request.restart_policy;
    let restart_policy = (!policy.name.is_empty()).then(|| host::restart_policy(policy)).transpose()?;
    let resources = Resources {
        memory: request.memory,
        memory_swap: request.memory_swap,
        memory_reservation: request.memory_reservation,
        nano_cpus: request.nano_cpus,
        cpu_shares: request.cpu_shares,
        cpu_period: request.cpu_period,
        cpu_quota: request.cpu_quota,
        cpuset_cpus: request.cpuset_cpus,
        cpuset_mems: request.cpuset_mems,
        pids_limit: request.pids_limit,
        blkio_weight: request.blkio_weight,
        blkio_weight_devices: request.blkio_weight_device.iter().map(resource::weight).collect(),
        blkio_read_bps: resource::rates(&request.blkio_device_read_bps),
        blkio_write_bps: resource::rates(&request.blkio_device_write_bps),
        blkio_read_iops: resource::rates(&request.blkio_device_read_iops),
        blkio_write_iops: resource::rates(&request.blkio_device_write_iops),
        cpu_realtime_period: request.cpu_realtime_period,
        cpu_realtime_runtime: request.cpu_realtime_runtime,
        memory_swappiness: request.memory_swappiness.filter(|value| *value != -1),
        ..Resources::default()
    };
    Ok(Update { resources, restart_policy })
}
