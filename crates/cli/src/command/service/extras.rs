//! What a service can have beyond Docker's, where the swarm allows it: the object `Shoal` of its containers.

use clap::Args;
use serde_json::{Value, json};

use super::edit::{list, texts};
use super::spec::set;
use crate::flag::{device, size, switch};

fn place(name: &'static str) -> [&'static str; 4] {
    ["TaskTemplate", "ContainerSpec", "Shoal", name]
}

/// Flags of `service create`.
#[derive(Debug, Args)]
pub(super) struct Extras {
    /// Add a device of the node (path, or vendor/class=name; vendor/class=any for one of the task's own)
    #[arg(long, value_name = "list", value_parser = device::parse)]
    device: Vec<device::Device>,
    /// Security options
    #[arg(long, value_name = "list")]
    security_opt: Vec<String>,
}

/// Flags of `service update`.
#[derive(Debug, Args)]
pub(super) struct ExtrasChanges {
    /// Add or update a device of the node
    #[arg(long, value_name = "list", value_parser = device::parse)]
    device_add: Vec<device::Device>,
    /// Remove a device by its path in the container, or by its vendor/class=name
    #[arg(long, value_name = "list")]
    device_rm: Vec<String>,
    /// Add a security option
    #[arg(long, value_name = "list")]
    security_opt_add: Vec<String>,
    /// Remove a security option
    #[arg(long, value_name = "list")]
    security_opt_rm: Vec<String>,
}

/// Flags of both.
#[derive(Debug, Args)]
pub(super) struct SharedExtras {
    /// Parent cgroup of the containers
    #[arg(long, value_name = "string")]
    cgroup_parent: Option<String>,
    /// IPC namespace (host, private, shareable, none)
    #[arg(long, value_name = "string")]
    ipc: Option<String>,
    /// PID namespace (host)
    #[arg(long, value_name = "string")]
    pid: Option<String>,
    /// Give extended privileges to the containers
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch::parse)]
    privileged: Option<bool>,
    /// Size of /dev/shm
    #[arg(long, value_name = "bytes", value_parser = size::parse)]
    shm_size: Option<i64>,
}

impl Extras {
    /// Sets what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        devices(spec, &self.device, &[]);
        texts(spec, &place("SecurityOpt"), &self.security_opt, &[]);
    }
}

impl ExtrasChanges {
    /// Removes, then adds, what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        devices(spec, &self.device_add, &self.device_rm);
        texts(spec, &place("SecurityOpt"), &self.security_opt_add, &self.security_opt_rm);
    }
}

impl SharedExtras {
    pub(super) fn apply(&self, spec: &mut Value) {
        set(spec, &place("CgroupParent"), self.cgroup_parent.as_ref());
        set(spec, &place("IpcMode"), self.ipc.as_ref());
        set(spec, &place("PidMode"), self.pid.as_ref());
        set(spec, &place("Privileged"), self.privileged);
        set(spec, &place("ShmSize"), self.shm_size);
    }
}

/// A device may be asked for twice by its kind alone (`=any`): each is another one.
fn devices(spec: &mut Value, add: &[device::Device], remove: &[String]) {
    let (mut paths, mut names) = (Vec::new(), Vec::new());
    for device in add {
        match device {
            device::Device::Cdi(name) => names.push(name.clone()),
            device::Device::Path { host, container, permissions } => paths.push(json!({
                "PathOnHost": host, "PathInContainer": container, "CgroupPermissions": permissions,
            })),
        }
    }
    let (gone_names, gone_paths): (Vec<_>, Vec<_>) =
        remove.iter().cloned().partition(|name| name.contains('='));
    let gone_paths: Vec<Value> = gone_paths.iter().map(|path| json!(path)).collect();
    list(spec, &place("Devices"), paths, &gone_paths, &|item| item["PathInContainer"].clone());
    texts(spec, &place("CDIDevices"), &[], &gone_names);
    if !names.is_empty() {
        let known = super::spec::at(spec, &place("CDIDevices"));
        let mut all = known.as_array().cloned().unwrap_or_default();
        all.extend(names.into_iter().map(Value::from));
        *known = json!(all);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;

    #[test]
    fn everything_stands_in_the_object_of_ours() {
        let mut spec = json!({});
        let flags = [
            "--device",
            "/dev/fuse:rw",
            "--device",
            "v.com/gpu=any",
            "--device",
            "v.com/gpu=any",
            "--security-opt",
            "systempaths=unconfined",
        ];
        parsed::<Extras>(&flags).apply(&mut spec);
        parsed::<SharedExtras>(&[
            "--privileged",
            "--pid",
            "host",
            "--ipc",
            "none",
            "--cgroup-parent",
            "/x",
            "--shm-size",
            "1m",
        ])
        .apply(&mut spec);
        let want = json!({
            "Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rw"}],
            "CDIDevices": ["v.com/gpu=any", "v.com/gpu=any"],
            "SecurityOpt": ["systempaths=unconfined"],
            "Privileged": true, "PidMode": "host", "IpcMode": "none", "CgroupParent": "/x", "ShmSize": 1 << 20,
        });
        assert_eq!(spec["TaskTemplate"]["ContainerSpec"]["Shoal"], want);
        parsed::<ExtrasChanges>(&[
            "--device-rm",
            "/dev/fuse",
            "--device-rm",
            "v.com/gpu=any",
            "--security-opt-rm",
            "systempaths=unconfined",
        ])
        .apply(&mut spec);
        parsed::<SharedExtras>(&["--privileged=false", "--pid", ""]).apply(&mut spec);
        let got = &spec["TaskTemplate"]["ContainerSpec"]["Shoal"];
        assert_eq!(
            (&got["Devices"], &got["CDIDevices"], &got["SecurityOpt"]),
            (&json!([]), &json!([]), &json!([]))
        );
        assert_eq!((&got["Privileged"], &got["PidMode"]), (&json!(false), &json!("")));
    }
}
