//! Devices: the default ones, those of the host that were asked for, or with `Privileged` all of them.

use crate::error::{Error, Result};
use crate::spec::{Device, Invalid};
use runtime::oci::{LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// How many nodes a directory of devices may hold, and how deep it may be.
const NODES_MAX: usize = 4096;
const DEPTH_MAX: usize = 8;
/// Directories of `/dev` that a privileged container has of its own.
const OWN: [&str; 6] = ["/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/console", "/dev/.lxc"];

/// Nodes to make and rules to allow them.
pub(super) fn devices(
    wanted: &[Device],
    privileged: bool,
) -> Result<(Vec<LinuxDevice>, Vec<LinuxDeviceCgroup>)> {
    let mut nodes = runtime::default::devices();
    if privileged {
        let mut all = Vec::new();
        collect(Path::new("/dev"), Path::new("/dev"), &mut all, 0);
        for node in all {
            if nodes.iter().all(|known| known.path() != node.path()) {
                nodes.push(node);
            }
        }
        let mut rule = LinuxDeviceCgroup::default();
        rule.set_allow(true).set_access(Some("rwm".into()));
        return Ok((nodes, vec![rule]));
    }
    let mut rules = runtime::default::device_rules();
    for device in wanted {
        let found = host_nodes(device)?;
        let access = if device.cgroup_permissions.is_empty() { "rwm" } else { &device.cgroup_permissions };
        for node in found {
            let mut rule = LinuxDeviceCgroup::default();
            rule.set_allow(true)
                .set_typ(Some(node.typ()))
                .set_major(Some(node.major()))
                .set_minor(Some(node.minor()))
                .set_access(Some(access.to_owned()));
            rules.push(rule);
            nodes.retain(|known| known.path() != node.path());
            nodes.push(node);
        }
    }
    Ok((nodes, rules))
}

/// The node, or with a directory every node beneath it.
fn host_nodes(device: &Device) -> Result<Vec<LinuxDevice>> {
    let wrong = |reason: &str| {
        Error::from(Invalid::Device { path: device.path_on_host.clone(), reason: reason.to_owned() })
    };
    let letters = device.cgroup_permissions.chars().all(|letter| "rwm".contains(letter));
    if !letters {
        return Err(wrong(&format!("invalid device mode: {}", device.cgroup_permissions)));
    }
    let source = Path::new(&device.path_on_host);
    let inside =
        if device.path_in_container.is_empty() { source } else { Path::new(&device.path_in_container) };
    if !source.is_absolute() || !inside.is_absolute() {
        return Err(wrong("its paths must be absolute"));
    }
    let real = fs::canonicalize(source).map_err(|_| wrong("no such file or directory"))?;
    if let Some(node) = node(&real, inside) {
        return Ok(vec![node]);
    }
    let mut nodes = Vec::new();
    collect(&real, inside, &mut nodes, 0);
    if nodes.is_empty() { Err(wrong("not a device node")) } else { Ok(nodes) }
}

fn collect(dir: &Path, inside: &Path, nodes: &mut Vec<LinuxDevice>, depth: usize) {
    // What cannot be read is not there for the container either.
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let (path, target) = (entry.path(), inside.join(entry.file_name()));
        if nodes.len() >= NODES_MAX || OWN.iter().any(|own| path == Path::new(own)) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => collect(&path, &target, nodes, depth + 1),
            Ok(_) => nodes.extend(node(&path, &target)),
            Err(_) => {}
        }
    }
}

/// The device node at `path` of the host, to be made at `inside`; `None` if there is none.
pub(crate) fn node(path: &Path, inside: &Path) -> Option<LinuxDevice> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let kind = metadata.file_type();
    let typ = if kind.is_char_device() {
        LinuxDeviceType::C
    } else if kind.is_block_device() {
        LinuxDeviceType::B
    } else {
        return None;
    };
    let number = metadata.rdev();
    let mut device = LinuxDevice::default();
    device
        .set_path(PathBuf::from(inside))
        .set_typ(typ)
        .set_major(nix::sys::stat::major(number) as i64)
        .set_minor(nix::sys::stat::minor(number) as i64)
        .set_file_mode(Some(metadata.mode() & 0o7777))
        .set_uid(Some(metadata.uid()))
        .set_gid(Some(metadata.gid()));
    Some(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_the_host_gets_a_node_and_a_rule() {
        let device = Device {
            path_on_host: "/dev/null".into(),
            path_in_container: "/dev/hole".into(),
            cgroup_permissions: "r".into(),
        };
        let (nodes, rules) = devices(&[device], false).unwrap();
        let node = nodes.iter().find(|node| node.path() == Path::new("/dev/hole")).unwrap();
        assert_eq!((node.major(), node.minor()), (1, 3));
        assert_eq!(rules.last().unwrap().access().as_deref(), Some("r"));
    }

    #[test]
    fn what_is_no_device_is_named() {
        for path in ["/etc/passwd", "/nonexistent", "dev/null"] {
            let device = Device { path_on_host: path.into(), ..Device::default() };
            assert!(devices(&[device], false).unwrap_err().to_string().contains(path));
        }
    }
}
