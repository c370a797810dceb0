//! A mount of a task as one of a container's. Pure.

use engine::spec::{Mount, MountKind, Propagation, VolumeMount};
use swarm_api::pb;

/// The engine's mount; a sentence when it cannot be one.
pub(super) fn mount(mount: &pb::Mount) -> Result<Mount, String> {
    let kind = match mount.r#type() {
        pb::MountType::Bind => MountKind::Bind {
            source: mount.source.clone(),
            propagation: Propagation::parse(&mount.propagation).ok_or_else(|| {
                format!("invalid propagation {:?} of the mount at {}", mount.propagation, mount.target)
            })?,
            non_recursive: mount.non_recursive,
            create_mountpoint: mount.create_mountpoint,
            read_only_non_recursive: mount.read_only_non_recursive,
            read_only_force_recursive: mount.read_only_force_recursive,
        },
        pb::MountType::Tmpfs => MountKind::Tmpfs {
            size_bytes: u64::try_from(mount.size_bytes)
                .map_err(|_| format!("the size of the mount at {} is negative", mount.target))?,
            mode: (mount.mode != 0).then_some(mount.mode),
            options: mount.options.clone(),
        },
        pb::MountType::Volume => MountKind::Volume(VolumeMount {
            name: mount.source.clone(),
            no_copy: mount.no_copy,
            labels: mount.labels.clone().into_iter().collect(),
            driver: mount.driver.clone(),
            driver_options: mount.driver_options.clone().into_iter().collect(),
            subpath: mount.subpath.clone(),
        }),
        pb::MountType::Image => {
            MountKind::Image { source: mount.source.clone(), subpath: mount.subpath.clone() }
        }
    };
    Ok(Mount { target: mount.target.clone(), read_only: mount.read_only, kind })
}

/// The image that a mount shows, which must be here before the container is.
pub(super) fn image(mount: &Mount) -> Option<&str> {
    match &mount.kind {
        MountKind::Image { source, .. } => Some(source),
        MountKind::Bind { .. } | MountKind::Volume(_) | MountKind::Tmpfs { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_mounted_as_asked() {
        let volume = pb::Mount {
            r#type: pb::MountType::Volume.into(),
            source: "data".into(),
            target: "/v".into(),
            no_copy: true,
            ..Default::default()
        };
        let memory = pb::Mount {
            r#type: pb::MountType::Tmpfs.into(),
            target: "/m".into(),
            size_bytes: 4096,
            ..Default::default()
        };
        let image = pb::Mount {
            r#type: pb::MountType::Image.into(),
            source: "busybox".into(),
            target: "/i".into(),
            subpath: "bin".into(),
            ..Default::default()
        };
        let wish = VolumeMount { name: "data".into(), no_copy: true, ..VolumeMount::default() };
        assert_eq!(mount(&volume).unwrap().kind, MountKind::Volume(wish));
        let wish = MountKind::Tmpfs { size_bytes: 4096, mode: None, options: Vec::new() };
        assert_eq!(mount(&memory).unwrap().kind, wish);
        let wish = MountKind::Image { source: "busybox".into(), subpath: "bin".into() };
        assert_eq!(mount(&image).unwrap().kind, wish);
        assert!(mount(&pb::Mount { size_bytes: -1, ..memory }).unwrap_err().contains("negative"));
    }
}
