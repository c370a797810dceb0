//! What a task has beyond Docker's services: proto ↔ model.

use engine_api::container::DeviceMapping;
use engine_api::swarm as api;
use swarm_api::pb;

/// The model's → the proto.
pub(super) fn spec(asked: api::TaskShoal) -> pb::ContainerExtras {
    let device = |device: DeviceMapping| pb::Device {
        path_on_host: device.path_on_host,
        path_in_container: device.path_in_container,
        cgroup_permissions: device.cgroup_permissions,
    };
    pb::ContainerExtras {
        privileged: asked.privileged,
        devices: asked.devices.into_iter().map(device).collect(),
        cdi_devices: asked.cdi_devices,
        pid_mode: asked.pid_mode,
        ipc_mode: asked.ipc_mode,
        cgroup_parent: asked.cgroup_parent,
        shm_size_bytes: asked.shm_size,
        security_options: asked.security_opt,
    }
}

/// The proto → the model's.
pub(super) fn told(extras: pb::ContainerExtras) -> api::TaskShoal {
    let device = |device: pb::Device| DeviceMapping {
        path_on_host: device.path_on_host,
        path_in_container: device.path_in_container,
        cgroup_permissions: device.cgroup_permissions,
    };
    api::TaskShoal {
        privileged: extras.privileged,
        devices: extras.devices.into_iter().map(device).collect(),
        cdi_devices: extras.cdi_devices,
        pid_mode: extras.pid_mode,
        ipc_mode: extras.ipc_mode,
        cgroup_parent: extras.cgroup_parent,
        shm_size: extras.shm_size_bytes,
        security_opt: extras.security_options,
    }
}
