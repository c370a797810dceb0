//! `HostConfig.Mounts` ↔ the engine's mounts.

use engine::spec::{Mount, MountKind, Propagation, VolumeMount};
use engine_api::mount as api;

use crate::failure::Failure;

/// The API's → the engine's.
pub(super) fn specs(mounts: Vec<api::Mount>) -> Result<Vec<Mount>, Failure> {
    mounts.into_iter().enumerate().map(|(index, mount)| spec(index, mount)).collect()
}

fn spec(index: usize, mount: api::Mount) -> Result<Mount, Failure> {
    let wrong = |kind: &str, reason: String| {
        Failure::invalid(format!("invalid mount config for type \"{kind}\": {reason}"))
    };
    let kind = match mount.kind.as_str() {
        "bind" => {
            let options = mount.bind_options.unwrap_or_default();
            let propagation = Propagation::parse(&options.propagation)
                .ok_or_else(|| wrong("bind", format!("invalid propagation mode: {}", options.propagation)))?;
            MountKind::Bind {
                source: mount.source,
                propagation,
                non_recursive: options.non_recursive,
                create_mountpoint: options.create_mountpoint,
                read_only_non_recursive: options.read_only_non_recursive,
                read_only_force_recursive: options.read_only_force_recursive,
            }
        }
        "volume" => MountKind::Volume(volume(mount.source, mount.volume_options.unwrap_or_default())),
        "tmpfs" => {
            if !mount.source.is_empty() {
                return Err(wrong("tmpfs", "field Source must not be specified".to_owned()));
            }
            let options = mount.tmpfs_options.unwrap_or_default();
            let size_bytes = u64::try_from(options.size_bytes)
                .map_err(|_| wrong("tmpfs", format!("SizeBytes {} is negative", options.size_bytes)))?;
            let further = options.options.iter().map(|option| match option.as_slice() {
                [word] => Ok(word.clone()),
                [key, value] => Ok(format!("{key}={value}")),
                other => Err(wrong("tmpfs", format!("invalid tmpfs option {other:?}"))),
            });
            let (mode, options) =
                ((options.mode != 0).then_some(options.mode), further.collect::<Result<_, _>>()?);
            MountKind::Tmpfs { size_bytes, mode, options }
        }
        "image" => {
            let subpath = mount.image_options.unwrap_or_default().subpath;
            MountKind::Image { source: mount.source, subpath }
        }
        "" => {
            return Err(Failure::invalid(format!(
                "Mounts[{index}].Type is missing: want bind, volume, tmpfs or image"
            )));
        }
        other @ ("cluster" | "npipe") => {
            return Err(Failure::missing(format_args!("Mounts[{index}].Type {other:?}")));
        }
        other => {
            return Err(Failure::invalid(format!("mount type unknown: {other:?} in Mounts[{index}].Type")));
        }
    };
    Ok(Mount { target: mount.target, read_only: mount.read_only, kind })
}

fn volume(name: String, options: api::VolumeOptions) -> VolumeMount {
    let driver = options.driver_config.unwrap_or_default();
    VolumeMount {
        name,
        no_copy: options.no_copy,
        labels: options.labels,
        driver: driver.name,
        driver_options: driver.options,
        subpath: options.subpath,
    }
}

fn told_volume(volume: &VolumeMount) -> Option<api::VolumeOptions> {
    let driver = api::DriverConfig { name: volume.driver.clone(), options: volume.driver_options.clone() };
    let options = api::VolumeOptions {
        no_copy: volume.no_copy,
        labels: volume.labels.clone(),
        driver_config: (driver != api::DriverConfig::default()).then_some(driver),
        subpath: volume.subpath.clone(),
    };
    (options != api::VolumeOptions::default()).then_some(options)
}

/// The engine's → the API's.
pub(super) fn told(mount: &Mount) -> api::Mount {
    let told =
        api::Mount { target: mount.target.clone(), read_only: mount.read_only, ..api::Mount::default() };
    match &mount.kind {
        MountKind::Volume(volume) => api::Mount {
            kind: "volume".to_owned(),
            source: volume.name.clone(),
            volume_options: told_volume(volume),
            ..told
        },
        MountKind::Bind {
            source,
            propagation,
            non_recursive,
            create_mountpoint,
            read_only_non_recursive,
            read_only_force_recursive,
        } => api::Mount {
            kind: "bind".to_owned(),
            source: source.clone(),
            bind_options: Some(api::BindOptions {
                propagation: propagation.as_str().to_owned(),
                non_recursive: *non_recursive,
                create_mountpoint: *create_mountpoint,
                read_only_non_recursive: *read_only_non_recursive,
                read_only_force_recursive: *read_only_force_recursive,
            }),
            ..told
        },
        MountKind::Image { source, subpath } => api::Mount {
            kind: "image".to_owned(),
            source: source.clone(),
            image_options: (!subpath.is_empty()).then(|| api::ImageOptions { subpath: subpath.clone() }),
            ..told
        },
        MountKind::Tmpfs { size_bytes, mode, options } => api::Mount {
            kind: "tmpfs".to_owned(),
            tmpfs_options: Some(api::TmpfsOptions {
                size_bytes: i64::try_from(*size_bytes).unwrap_or(i64::MAX),
                mode: mode.unwrap_or_default(),
                options: options
                    .iter()
                    .map(|option| option.splitn(2, '=').map(str::to_owned).collect())
                    .collect(),
            }),
            ..told
        },
    }
}
