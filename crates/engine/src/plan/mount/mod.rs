//! Binds, mounts and tmpfs: what else the container sees in its tree, in the order of mounting.

use crate::spec::{HostConfig, Invalid, Mount, MountKind, Propagation};
use std::collections::BTreeSet;

/// Where a container has its process information.
const PROC: &str = "/proc";

/// One mount, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountPlan {
    pub(crate) source: Source,
    /// Absolute, without `.` and `..`.
    pub(crate) target: String,
    pub(crate) read_only: bool,
    /// Options for the OCI configuration.
    pub(crate) options: Vec<String>,
    /// The options of the short notation, told back by inspect.
    pub(crate) mode: String,
    pub(crate) propagation: Propagation,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A path of the host; `create` makes a missing directory, as Docker does for the short notation.
    Bind {
        path: String,
        create: bool,
    },
    Tmpfs,
}

/// Everything that is mounted besides Docker's defaults, parents before children.
pub(super) fn plan(host: &HostConfig) -> Result<Vec<MountPlan>, Invalid> {
    let mut plans = Vec::new();
    for bind in &host.binds {
        plans.push(short_bind(bind)?);
    }
    for mount in &host.mounts {
        plans.push(long_mount(mount)?);
    }
    for (target, options) in &host.tmpfs {
        plans.push(tmpfs(target, options)?);
    }
    let mut seen = BTreeSet::new();
    for plan in &plans {
        // The runtime and its programs believe what they read there.
        if plan.target == PROC && !matches!(&plan.source, Source::Bind { path, .. } if path == PROC) {
            let reason = format!("{PROC} cannot be mounted over by anything but {PROC}");
            return Err(Invalid::Mount { kind: "bind", reason });
        }
        if !seen.insert(plan.target.as_str()) {
            return Err(Invalid::DuplicateMount(plan.target.clone()));
        }
    }
    plans.sort_by_key(|plan| (plan.target.matches('/').count(), plan.target.clone()));
    Ok(plans)
}

/// `/host:/container[:option,…]`. A source that is no absolute path would be a volume.
fn short_bind(text: &str) -> Result<MountPlan, Invalid> {
    let wrong = || Invalid::Bind(text.to_owned());
    let mut parts = text.split(':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else { return Err(wrong()) };
    let mode = parts.next().unwrap_or_default();
    if parts.next().is_some() || source.is_empty() {
        return Err(wrong());
    }
    if !source.starts_with('/') {
        return Err(Invalid::NotImplemented("a volume in HostConfig.Binds"));
    }
    let target = target_path(target).ok_or_else(wrong)?;
    let (mut read_only, mut propagation, mut recursive) = (false, Propagation::default(), true);
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "rw" => read_only = false,
            // Labels of SELinux, which is not here to need them, and hints of other systems.
            "z" | "Z" | "nocopy" | "consistent" | "cached" | "delegated" => {}
            "bind-nonrecursive" => recursive = false,
            other => propagation = Propagation::parse(other).ok_or_else(wrong)?,
        }
    }
    Ok(MountPlan {
        source: Source::Bind { path: source.to_owned(), create: true },
        target,
        read_only,
        options: bind_options(read_only, propagation, recursive),
        mode: mode.to_owned(),
        propagation,
    })
}

fn long_mount(mount: &Mount) -> Result<MountPlan, Invalid> {
    let kind = match mount.kind {
        MountKind::Bind { .. } => "bind",
        MountKind::Tmpfs { .. } => "tmpfs",
    };
    let wrong = |reason: &str| Invalid::Mount { kind, reason: reason.to_owned() };
    let target = target_path(&mount.target).ok_or_else(|| {
        wrong(&format!("invalid mount path: '{}' mount path must be absolute", mount.target))
    })?;
    match &mount.kind {
        MountKind::Bind { source, propagation, non_recursive, create_mountpoint } => {
            if source.is_empty() {
                return Err(wrong("field Source must not be empty"));
            }
            if !source.starts_with('/') {
                return Err(wrong(&format!("invalid mount path: '{source}' mount path must be absolute")));
            }
            Ok(MountPlan {
                source: Source::Bind { path: source.clone(), create: *create_mountpoint },
                target,
                read_only: mount.read_only,
                options: bind_options(mount.read_only, *propagation, !non_recursive),
                mode: String::new(),
                propagation: *propagation,
            })
        }
        MountKind::Tmpfs { size_bytes, mode } => {
            let mut options = tmpfs_options();
            if *size_bytes > 0 {
                options.push(format!("size={size_bytes}"));
            }
            if let Some(mode) = mode {
                options.push(format!("mode={mode:o}"));
            }
            if mount.read_only {
                options.push("ro".into());
            }
            let propagation = Propagation::default();
            let read_only = mount.read_only;
            Ok(MountPlan {
                source: Source::Tmpfs,
                target,
                read_only,
                options,
                mode: String::new(),
                propagation,
            })
        }
    }
}

/// `Tmpfs`: path → options of mount(8), a closed list since they go to the kernel.
fn tmpfs(target: &str, text: &str) -> Result<MountPlan, Invalid> {
    let wrong = |reason: String| Invalid::Mount { kind: "tmpfs", reason };
    let target = target_path(target)
        .ok_or_else(|| wrong(format!("invalid mount path: '{target}' mount path must be absolute")))?;
    let mut options = tmpfs_options();
    let mut read_only = false;
    for option in text.split(',').filter(|option| !option.is_empty()) {
        let key = option.split_once('=').map_or(option, |(key, _)| key);
        let counterpart = match key {
            "exec" | "suid" | "dev" => Some(format!("no{key}")),
            "ro" | "rw" | "noexec" | "nosuid" | "nodev" | "noatime" | "relatime" | "size" | "mode"
            | "uid" | "gid" | "nr_inodes" | "nr_blocks" => None,
            _ => return Err(wrong(format!("invalid tmpfs option [\"{option}\"]"))),
        };
        options.retain(|set| *set != option && Some(set) != counterpart.as_ref());
        read_only |= key == "ro";
        options.push(option.to_owned());
    }
    let propagation = Propagation::default();
    Ok(MountPlan { source: Source::Tmpfs, target, read_only, options, mode: text.to_owned(), propagation })
}

fn tmpfs_options() -> Vec<String> {
    ["noexec", "nosuid", "nodev"].map(String::from).to_vec()
}

fn bind_options(read_only: bool, propagation: Propagation, recursive: bool) -> Vec<String> {
    let bind = if recursive { "rbind" } else { "bind" };
    let access = if read_only { "ro" } else { "rw" };
    [bind, access, propagation.as_str()].map(String::from).to_vec()
}

/// The path in the container, cleaned; the root itself cannot be mounted over.
fn target_path(text: &str) -> Option<String> {
    if !text.starts_with('/') || text.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_binds() {
        let plan = short_bind("/a:/b:ro,rshared").unwrap();
        assert_eq!(plan.options, ["rbind", "ro", "rshared"]);
        assert_eq!(short_bind("/a:/b/../c").unwrap().target, "/c");
        for wrong in ["/a", "/a:b", "/a:/", "/a:/b:ro:x", ":/b", "/a:/b:fast"] {
            assert!(matches!(short_bind(wrong), Err(Invalid::Bind(_))), "{wrong}");
        }
        assert!(matches!(short_bind("data:/b"), Err(Invalid::NotImplemented(_))));
    }

    #[test]
    fn parents_come_first_and_targets_once() {
        let mut host = HostConfig { binds: vec!["/x:/a/b".into(), "/x:/a".into()], ..HostConfig::default() };
        let targets: Vec<_> = plan(&host).unwrap().into_iter().map(|plan| plan.target).collect();
        assert_eq!(targets, ["/a", "/a/b"]);
        host.tmpfs.insert("/a/".into(), String::new());
        assert_eq!(plan(&host), Err(Invalid::DuplicateMount("/a".into())));
    }

    #[test]
    fn the_process_information_is_not_mounted_over() {
        let bind = |bind: &str| plan(&HostConfig { binds: vec![bind.into()], ..HostConfig::default() });
        assert!(matches!(bind("/tmp:/proc"), Err(Invalid::Mount { .. })));
        assert!(matches!(bind("/tmp:/x/../proc/"), Err(Invalid::Mount { .. })));
        assert!(bind("/proc:/proc").is_ok() && bind("/proc:/host/proc").is_ok());
    }

    #[test]
    fn tmpfs_options_replace_their_opposites() {
        let plan = tmpfs("/run", "exec,size=64m").unwrap();
        assert_eq!(plan.options, ["nosuid", "nodev", "exec", "size=64m"]);
        assert!(tmpfs("/run", "context=evil").is_err());
        assert!(tmpfs("run", "").is_err());
    }
}
