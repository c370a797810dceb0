//! What a task has beyond Docker's services. Whether the swarm allows it is `policy`'s.

use super::{Invalid, Verdict};
use crate::pb;

/// What each option may begin with; labels are SELinux', and would be ignored.
const SECURITY_OPTIONS: [&str; 4] = ["apparmor", "no-new-privileges", "seccomp", "systempaths"];

pub(super) fn check(extras: &pb::ContainerExtras) -> Verdict {
    extras.devices.iter().try_for_each(device)?;
    extras.cdi_devices.iter().try_for_each(|name| cdi(name))?;
    if !matches!(extras.pid_mode.as_str(), "" | "host") {
        return Err(Invalid::new(format!("invalid Shoal.PidMode {:?}: want \"host\"", extras.pid_mode)));
    }
    if !matches!(extras.ipc_mode.as_str(), "" | "host" | "private" | "shareable" | "none") {
        let mode = &extras.ipc_mode;
        return Err(Invalid::new(format!(
            "invalid Shoal.IpcMode {mode:?}: want \"host\", \"private\", \"shareable\" or \"none\""
        )));
    }
    if extras.shm_size_bytes < 0 {
        return Err(Invalid::new("invalid Shoal.ShmSize: must not be negative"));
    }
    if extras.cgroup_parent.split('/').any(|part| part == "..") || extras.cgroup_parent.contains('\0') {
        return Err(Invalid::new(format!("invalid Shoal.CgroupParent {:?}", extras.cgroup_parent)));
    }
    extras.security_options.iter().try_for_each(|option| security(option))
}

fn device(device: &pb::Device) -> Verdict {
    let paths = [&device.path_on_host, &device.path_in_container];
    let is_path = |path: &&&String| path.starts_with('/') && !path.contains('\0');
    if !paths.iter().all(|path| is_path(&path)) {
        return Err(Invalid::new(format!(
            "invalid Shoal.Devices: {:?} and {:?}: want absolute paths",
            device.path_on_host, device.path_in_container
        )));
    }
    match device.cgroup_permissions.chars().all(|letter| "rwm".contains(letter)) {
        true => Ok(()),
        false => Err(Invalid::new(format!("invalid device mode: {}", device.cgroup_permissions))),
    }
}

/// `vendor.com/class=name`
fn cdi(name: &str) -> Verdict {
    let parts = name.split_once('=').and_then(|(kind, device)| Some((kind.split_once('/')?, device)));
    let is_word = |word: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(allowed)
    };
    match parts {
        Some(((vendor, class), device)) if is_word(vendor) && is_word(class) && is_word(device) => Ok(()),
        _ => Err(Invalid::new(format!("invalid Shoal.CDIDevices: {name:?}: want vendor/class=name"))),
    }
}

fn security(option: &str) -> Verdict {
    let key = option.split(['=', ':']).next().unwrap_or_default();
    if SECURITY_OPTIONS.contains(&key) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "invalid Shoal.SecurityOpt: {option:?}: want one of {}",
        SECURITY_OPTIONS.join(", ")
    )))
}
