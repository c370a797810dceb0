//! What a task has beyond Docker's services, in the container's spec. Pure.

use engine::spec::{Device, DeviceRequest, HostConfig, NamespaceMode};
use swarm_api::pb;

/// The driver of devices by their full name.
const CDI: &str = "cdi";
/// How a name ends that stands for a device of the task's own.
const ANY: &str = "=any";

/// Adds to `host` what the task's container asks for; a sentence when it cannot be had.
pub(super) fn apply(
    task: &pb::Task,
    extras: &pb::ContainerExtras,
    host: &mut HostConfig,
) -> Result<(), String> {
    let mode = |text: &str| text.parse::<NamespaceMode>().map_err(|error| error.to_string());
    host.privileged = extras.privileged;
    host.pid_mode = mode(&extras.pid_mode)?;
    host.ipc_mode = mode(&extras.ipc_mode)?;
    host.cgroup_parent.clone_from(&extras.cgroup_parent);
    host.shm_size = extras.shm_size_bytes;
    host.security_opt.extend(extras.security_options.iter().cloned());
    host.resources.devices = extras.devices.iter().map(device).collect();
    let device_ids = cdi_names(task, extras)?;
    if !device_ids.is_empty() {
        let request = DeviceRequest { driver: CDI.to_owned(), device_ids, ..DeviceRequest::default() };
        host.resources.device_requests.push(request);
    }
    Ok(())
}

/// The names of the spec, with what the scheduler chose in place of each `=any`.
fn cdi_names(task: &pb::Task, extras: &pb::ContainerExtras) -> Result<Vec<String>, String> {
    let mut assigned = task.assigned_cdi.iter();
    let name = |name: &String| match name.ends_with(ANY) {
        false => Ok(name.clone()),
        true => assigned.next().cloned().ok_or_else(|| format!("no device was assigned for {name}")),
    };
    extras.cdi_devices.iter().map(name).collect()
}

fn device(device: &pb::Device) -> Device {
    Device {
        path_on_host: device.path_on_host.clone(),
        path_in_container: device.path_in_container.clone(),
        cgroup_permissions: device.cgroup_permissions.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_reaches_the_container() {
        let extras = pb::ContainerExtras {
            privileged: true,
            devices: vec![pb::Device {
                path_on_host: "/dev/fuse".into(),
                path_in_container: "/dev/f".into(),
                cgroup_permissions: "rw".into(),
            }],
            cdi_devices: vec!["v.com/gpu=any".into(), "v.com/nic=a".into(), "v.com/gpu=any".into()],
            pid_mode: "host".into(),
            ipc_mode: "none".into(),
            cgroup_parent: "/mine".into(),
            shm_size_bytes: 1 << 20,
            security_options: vec!["systempaths=unconfined".into()],
        };
        let mut task =
            pb::Task { assigned_cdi: vec!["v.com/gpu=1".into(), "v.com/gpu=0".into()], ..Default::default() };
        let mut host = HostConfig { security_opt: vec!["no-new-privileges".into()], ..HostConfig::default() };
        apply(&task, &extras, &mut host).unwrap();
        assert!(host.privileged);
        assert_eq!((host.pid_mode, host.ipc_mode), (NamespaceMode::Host, NamespaceMode::None));
        assert_eq!((host.cgroup_parent.as_str(), host.shm_size), ("/mine", 1 << 20));
        assert_eq!(host.security_opt, ["no-new-privileges", "systempaths=unconfined"]);
        assert_eq!(host.resources.devices[0].path_in_container, "/dev/f");
        let request = &host.resources.device_requests[0];
        assert_eq!(
            (request.driver.as_str(), &request.device_ids[..]),
            ("cdi", &["v.com/gpu=1", "v.com/nic=a", "v.com/gpu=0"].map(str::to_owned)[..])
        );
        task.assigned_cdi.pop();
        assert!(
            apply(&task, &extras, &mut HostConfig::default()).unwrap_err().contains("no device was assigned")
        );
    }
}
