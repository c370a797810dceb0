//! The mounts of a container in their order: the system's, the engine's files, the user's.

use super::Run;
use crate::plan::Share;
use crate::record::MountPoint;
use runtime::oci::Mount;
use std::path::Path;

/// Mounts over which a user may put one of their own; the runtime needs the others.
const FIXED: [&str; 2] = ["/proc", "/sys"];

pub(super) fn mounts(run: &Run<'_>) -> Vec<Mount> {
    let user = &run.record.mounts;
    let covered = |path: &Path| user.iter().any(|mount| Path::new(&mount.destination) == path);
    let mut mounts: Vec<Mount> = runtime::default::mounts(run.plan.shm_bytes)
        .into_iter()
        .filter_map(|mount| system_mount(mount, run))
        .filter(|mount| {
            !covered(mount.destination()) || FIXED.iter().any(|fixed| mount.destination() == Path::new(fixed))
        })
        .collect();
    let files = [
        (run.resolv_conf, "/etc/resolv.conf"),
        (run.hostname_file, "/etc/hostname"),
        (run.hosts, "/etc/hosts"),
    ];
    let access = if run.record.spec.host.readonly_rootfs { "ro" } else { "rw" };
    for (source, target) in files {
        if !covered(Path::new(target)) {
            // Not recursive: what lies below would have to be mapped too, and there is nothing below.
            let mapped: &[&str] = if run.users.is_some() { &["idmap"] } else { &[] };
            mounts.push(bind(source, target, &[&["rbind", access, "rprivate"], mapped].concat()));
        }
    }
    mounts.extend(user.iter().map(|point| user_mount(point, run)));
    mounts
}

/// A default mount as this container's namespaces and privileges want it.
fn system_mount(mut mount: Mount, run: &Run<'_>) -> Option<Mount> {
    let namespaces = &run.plan.namespaces;
    let destination = mount.destination().to_string_lossy().into_owned();
    match destination.as_str() {
        "/dev/shm" if namespaces.ipc == Share::Host => {
            return Some(bind(Path::new("/dev/shm"), "/dev/shm", &["rbind", "rw", "rprivate"]));
        }
        "/dev/shm" if run.ipc_of.is_some() => {
            let source = format!("/proc/{}/root/dev/shm", run.ipc_of.unwrap_or_default());
            return Some(bind(Path::new(&source), "/dev/shm", &["bind", "rw", "rprivate"]));
        }
        "/dev/mqueue" if namespaces.ipc == Share::Host => {
            return Path::new("/dev/mqueue")
                .exists()
                .then(|| bind(Path::new("/dev/mqueue"), "/dev/mqueue", &["rbind", "rw", "rprivate"]));
        }
        "/dev/shm" if !namespaces.shm => return None,
        "/sys" | "/sys/fs/cgroup" if run.record.spec.host.privileged => {
            let options = mount.options().clone().unwrap_or_default();
            mount.set_options(Some(
                options.into_iter().map(|o| if o == "ro" { "rw".into() } else { o }).collect(),
            ));
        }
        _ => {}
    }
    Some(mount)
}

fn user_mount(point: &MountPoint, run: &Run<'_>) -> Mount {
    let mut mount = run.sources.mount(point);
    // A volume is ours and keeps the container's own numbers, as an image does; what else is of the host keeps the host's. Memory
    // has the numbers of whoever has made it, which are the same.
    if run.users.is_some() && !point.name.is_empty() && !point.is_memory() {
        let options = mount.options().clone().unwrap_or_default();
        mount.set_options(Some([options, vec!["idmap".to_owned()]].concat()));
    }
    mount
}

fn bind(source: &Path, target: &str, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(target.into())
        .set_typ(Some("bind".into()))
        .set_source(Some(source.to_owned()))
        .set_options(Some(options.iter().map(|option| (*option).to_owned()).collect()));
    mount
}
