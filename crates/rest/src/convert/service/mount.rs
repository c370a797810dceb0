//! A mount of a task: proto ↔ model.

use engine_api::mount as api;
use swarm_api::pb;

use crate::failure::Failure;

/// How mounts below a bind are shared, by Docker's words; none is `rprivate`.
const PROPAGATIONS: [&str; 7] = ["", "private", "rprivate", "shared", "rshared", "slave", "rslave"];

/// The model's → the proto.
pub(super) fn spec(index: usize, wish: api::Mount) -> Result<pb::Mount, Failure> {
    let kind = match wish.kind.as_str() {
        "bind" => pb::MountType::Bind,
        "tmpfs" => pb::MountType::Tmpfs,
        "volume" => pb::MountType::Volume,
        "" => {
            let words = "want bind, volume, tmpfs or image";
            return Err(Failure::invalid(format!("Mounts[{index}].Type is missing: {words}")));
        }
        "image" => pb::MountType::Image,
        "cluster" => {
            return Err(Failure::missing(format_args!(
                "Mounts[{index}].Type \"cluster\" (a volume of the whole cluster)"
            )));
        }
        other @ "npipe" => {
            return Err(Failure::missing(format_args!("Mounts[{index}].Type {other:?} of a service")));
        }
        other => {
            return Err(Failure::invalid(format!("invalid MountType: {other:?} in Mounts[{index}].Type")));
        }
    };
    let bind = wish.bind_options.unwrap_or_default();
    if !PROPAGATIONS.contains(&bind.propagation.as_str()) {
        let word = &bind.propagation;
        return Err(Failure::invalid(format!("invalid MountPropagation: {word:?} in Mounts[{index}]")));
    }
    let volume = wish.volume_options.unwrap_or_default();
    let driver = volume.driver_config.unwrap_or_default();
    let memory = wish.tmpfs_options.unwrap_or_default();
    let of_image = wish.image_options.unwrap_or_default();
    Ok(pb::Mount {
        r#type: kind.into(),
        source: wish.source,
        target: wish.target,
        read_only: wish.read_only,
        propagation: bind.propagation,
        non_recursive: bind.non_recursive,
        create_mountpoint: bind.create_mountpoint,
        read_only_non_recursive: bind.read_only_non_recursive,
        read_only_force_recursive: bind.read_only_force_recursive,
        no_copy: volume.no_copy,
        labels: volume.labels.into_iter().collect(),
        driver: driver.name,
        driver_options: driver.options.into_iter().collect(),
        subpath: match kind {
            pb::MountType::Image => of_image.subpath,
            _ => volume.subpath,
        },
        size_bytes: memory.size_bytes,
        mode: memory.mode,
        options: memory.options.iter().map(|words| words.join("=")).collect(),
    })
}

/// The proto → the model's.
pub(super) fn told(mount: pb::Mount) -> api::Mount {
    let kind = mount.r#type();
    let word = match kind {
        pb::MountType::Bind => "bind",
        pb::MountType::Volume => "volume",
        pb::MountType::Tmpfs => "tmpfs",
        pb::MountType::Image => "image",
    };
    let bind = api::BindOptions {
        propagation: mount.propagation,
        non_recursive: mount.non_recursive,
        create_mountpoint: mount.create_mountpoint,
        read_only_non_recursive: mount.read_only_non_recursive,
        read_only_force_recursive: mount.read_only_force_recursive,
    };
    let (of_volume, of_image) = match kind {
        pb::MountType::Image => (String::new(), mount.subpath),
        _ => (mount.subpath, String::new()),
    };
    let driver =
        api::DriverConfig { name: mount.driver, options: mount.driver_options.into_iter().collect() };
    let volume = api::VolumeOptions {
        no_copy: mount.no_copy,
        labels: mount.labels.into_iter().collect(),
        driver_config: (driver != api::DriverConfig::default()).then_some(driver),
        subpath: of_volume,
    };
    let image = api::ImageOptions { subpath: of_image };
    let memory = api::TmpfsOptions {
        size_bytes: mount.size_bytes,
        mode: mount.mode,
        options: mount.options.iter().map(|word| word.splitn(2, '=').map(str::to_owned).collect()).collect(),
    };
    api::Mount {
        kind: word.to_owned(),
        source: mount.source,
        target: mount.target,
        read_only: mount.read_only,
        bind_options: (bind != api::BindOptions::default()).then_some(bind),
        volume_options: (volume != api::VolumeOptions::default()).then_some(volume),
        image_options: (image != api::ImageOptions::default()).then_some(image),
        tmpfs_options: (memory != api::TmpfsOptions::default()).then_some(memory),
        ..api::Mount::default()
    }
}
