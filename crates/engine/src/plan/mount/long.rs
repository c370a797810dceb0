//! `--mount`: `HostConfig.Mounts`.

use super::{Access, MountPlan, Source, VolumeSource, bind_options, is_within, target_path, tmpfs};
use crate::spec::{Invalid, Mount, MountKind, Propagation, VolumeMount};
use crate::volume;

/// What Docker tells as the mode of every volume that is mounted so.
const VOLUME_MODE: &str = "z";

/// Reads one entry.
pub(super) fn read(mount: &Mount) -> Result<MountPlan, Invalid> {
    let kind = match mount.kind {
        MountKind::Bind { .. } => "bind",
        MountKind::Volume(_) => "volume",
        MountKind::Tmpfs { .. } => "tmpfs",
        MountKind::Image { .. } => "image",
    };
    let wrong = |reason: &str| Invalid::Mount { kind, reason: reason.to_owned() };
    let target = target_path(&mount.target).ok_or_else(|| {
        wrong(&format!("invalid mount path: '{}' mount path must be absolute", mount.target))
    })?;
    let (source, options, propagation) = match &mount.kind {
        MountKind::Bind { source, propagation, non_recursive, create_mountpoint, .. } => {
            if source.is_empty() {
                return Err(wrong("field Source must not be empty"));
            }
            if !source.starts_with('/') {
                return Err(wrong(&format!("invalid mount path: '{source}' mount path must be absolute")));
            }
            let options = bind_options(access(mount)?, *propagation, !non_recursive);
            (Source::Bind { path: source.clone(), create: *create_mountpoint }, options, *propagation)
        }
        MountKind::Volume(wish) => {
            let options = bind_options(Access::read_only(mount.read_only), Propagation::default(), true);
            (Source::Volume(volume(wish)?), options, Propagation::default())
        }
        MountKind::Tmpfs { size_bytes, mode, options } => {
            let options = tmpfs_options(*size_bytes, *mode, options, mount.read_only)?;
            (Source::Tmpfs, options, Propagation::default())
        }
        MountKind::Image { source, subpath } => {
            if source.is_empty() {
                return Err(wrong("field Source must not be empty"));
            }
            if !is_within(subpath) {
                return Err(wrong(&format!("subpath must be a relative path within the image: '{subpath}'")));
            }
            let source = Source::Image { reference: source.clone(), subpath: subpath.clone() };
            (source, ["ro", "rprivate"].map(String::from).to_vec(), Propagation::default())
        }
    };
    let mode = if kind == "volume" { VOLUME_MODE } else { "" };
    let read_only = mount.read_only || kind == "image";
    Ok(MountPlan { source, target, read_only, options, mode: mode.to_owned(), propagation, chown: false })
}

/// What the two options about recursion make of read-only.
fn access(mount: &Mount) -> Result<Access, Invalid> {
    let MountKind::Bind { read_only_non_recursive: top, read_only_force_recursive: all, .. } = mount.kind
    else {
        return Ok(Access::read_only(mount.read_only));
    };
    let wrong = |reason: &str| Err(Invalid::Mount { kind: "bind", reason: reason.to_owned() });
    match (mount.read_only, top, all) {
        (_, true, true) => wrong(
            "mount options conflict: ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other",
        ),
        (false, true, _) => wrong("mount is set `ReadOnlyNonRecursive` but not `ReadOnly`"),
        (false, _, true) => wrong("mount is set `ReadOnlyForceRecursive` but not `ReadOnly`"),
        (true, true, false) => Ok(Access::ReadTop),
        (read_only, false, _) => Ok(Access::read_only(read_only)),
    }
}

fn volume(wish: &VolumeMount) -> Result<VolumeSource, Invalid> {
    let wrong = |reason: String| Invalid::Mount { kind: "volume", reason };
    let name = (!wish.name.is_empty()).then_some(wish.name.as_str());
    if name.is_none() && !wish.subpath.is_empty() {
        return Err(wrong("must not set Subpath when using anonymous volumes".to_owned()));
    }
    if !is_within(&wish.subpath) {
        return Err(wrong(format!("subpath must be a relative path within the volume: '{}'", wish.subpath)));
    }
    Ok(VolumeSource {
        name: name.map(volume::check_name).transpose()?.map(str::to_owned),
        copy: !wish.no_copy,
        labels: wish.labels.clone(),
        driver: wish.driver.clone(),
        driver_options: wish.driver_options.clone(),
        subpath: wish.subpath.clone(),
    })
}

fn tmpfs_options(
    size_bytes: u64,
    mode: Option<u32>,
    further: &[String],
    read_only: bool,
) -> Result<Vec<String>, Invalid> {
    let mut options = tmpfs::defaults();
    for option in further {
        // One option cannot bring another.
        if option.contains(',') {
            let reason = format!("invalid tmpfs option [\"{option}\"]");
            return Err(Invalid::Mount { kind: "tmpfs", reason });
        }
        tmpfs::add(&mut options, option)?;
    }
    if size_bytes > 0 {
        options.push(format!("size={size_bytes}"));
    }
    if let Some(mode) = mode {
        options.push(format!("mode={mode:o}"));
    }
    if read_only {
        options.push("ro".into());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(read_only: bool, top: bool, all: bool) -> Result<MountPlan, Invalid> {
        read(&Mount {
            target: "/b".into(),
            read_only,
            kind: MountKind::Bind {
                source: "/a".into(),
                propagation: Propagation::default(),
                non_recursive: false,
                create_mountpoint: false,
                read_only_non_recursive: top,
                read_only_force_recursive: all,
            },
        })
    }

    #[test]
    fn read_only_reaches_as_deep_as_asked() {
        assert_eq!(bind(true, false, false).unwrap().options[1], "rro");
        assert_eq!(bind(true, false, true).unwrap().options[1], "rro");
        assert_eq!(bind(true, true, false).unwrap().options[1], "ro");
        assert_eq!(bind(false, false, false).unwrap().options[1], "rw");
        assert!(bind(false, true, false).is_err() && bind(false, false, true).is_err());
        assert!(bind(true, true, true).is_err());
    }

    #[test]
    fn memory_has_the_options_that_are_asked_for() {
        let memory = |options: &[&str]| {
            let options = options.iter().map(ToString::to_string).collect();
            let kind = MountKind::Tmpfs { size_bytes: 4096, mode: Some(0o700), options };
            read(&Mount { target: "/m".into(), read_only: true, kind }).map(|plan| plan.options.join(","))
        };
        assert_eq!(memory(&["exec", "uid=5"]).unwrap(), "nosuid,nodev,exec,uid=5,size=4096,mode=700,ro");
        assert!(memory(&["context=x"]).is_err() && memory(&["uid=5,suid"]).is_err());
    }

    #[test]
    fn an_image_is_only_read() {
        let image = |source: &str, subpath: &str| {
            let kind = MountKind::Image { source: source.into(), subpath: subpath.into() };
            read(&Mount { target: "/i".into(), read_only: false, kind })
        };
        let plan = image("busybox", "bin").unwrap();
        assert!(plan.read_only && plan.options.contains(&"ro".to_owned()));
        assert!(image("", "").is_err() && image("x", "../y").is_err() && image("x", "/y").is_err());
    }

    #[test]
    fn a_subpath_stays_in_its_volume() {
        let volume = |name: &str, subpath: &str| {
            let kind = MountKind::Volume(VolumeMount {
                name: name.into(),
                subpath: subpath.into(),
                ..VolumeMount::default()
            });
            read(&Mount { target: "/b".into(), read_only: false, kind })
        };
        assert!(volume("data", "a/b").is_ok() && volume("data", "").is_ok());
        for wrong in ["/a", "../a", "a/../../b", "a\0"] {
            assert!(volume("data", wrong).is_err(), "{wrong}");
        }
        assert!(volume("", "a").is_err() && volume("a b", "").is_err());
    }
}
