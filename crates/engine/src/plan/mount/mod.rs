//! Binds, volumes and tmpfs: what else the container sees in its tree.
//!
//! - [`short`]: `-v` · [`long`]: `--mount` · [`tmpfs`]: `--tmpfs`
//!
//! Pure. Volumes of the image, and those taken over from other containers, are added when the container is created, by
//! [`crate::volume`].

mod long;
mod proc;
mod short;
mod tmpfs;

use crate::path::parts;
use crate::spec::{HostConfig, Invalid, Propagation};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether the source's files become the container's user's.
    pub(crate) chown: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A path of the host; `create` makes a missing directory, as Docker does for the short notation.
    Bind {
        path: String,
        create: bool,
    },
    Volume(VolumeSource),
    Tmpfs,
    /// An image's files.
    Image {
        reference: String,
        subpath: String,
    },
}

/// A volume that is there, or is to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VolumeSource {
    /// `None` for one of the container's own.
    pub(crate) name: Option<String>,
    /// Whether it is filled from the image while it is empty.
    pub(crate) copy: bool,
    pub(crate) labels: BTreeMap<String, String>,
    /// Empty means that of the host configuration.
    pub(crate) driver: String,
    pub(crate) driver_options: BTreeMap<String, String>,
    /// Within the volume; empty for all of it.
    pub(crate) subpath: String,
}

/// Everything that is mounted besides Docker's defaults, parents before children.
pub(super) fn plan(host: &HostConfig) -> Result<Vec<MountPlan>, Invalid> {
    let mut plans = Vec::new();
    for bind in &host.binds {
        plans.push(short::read(bind)?);
    }
    for mount in &host.mounts {
        plans.push(long::read(mount)?);
    }
    for (target, options) in &host.tmpfs {
        plans.push(tmpfs::read(target, options)?);
    }
    let mut seen = BTreeSet::new();
    for plan in &plans {
        proc::check(plan)?;
        if !seen.insert(plan.target.as_str()) {
            return Err(Invalid::DuplicateMount(plan.target.clone()));
        }
    }
    plans.sort_by_key(|plan| (plan.target.matches('/').count(), plan.target.clone()));
    Ok(plans)
}

/// How deep `read-only` of a bind reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    /// The mounts beneath the source keep their own access.
    ReadTop,
    ReadAll,
}

impl Access {
    /// Docker's meaning of read-only unless somebody says otherwise.
    pub(crate) fn read_only(yes: bool) -> Access {
        if yes { Access::ReadAll } else { Access::Write }
    }
}

/// Whether a path within a volume or an image stays in it, as far as its text tells.
fn is_within(subpath: &str) -> bool {
    !subpath.starts_with('/') && !subpath.contains('\0') && subpath.split('/').all(|part| part != "..")
}

/// The options of a bind in the OCI configuration.
pub(crate) fn bind_options(access: Access, propagation: Propagation, recursive: bool) -> Vec<String> {
    let bind = if recursive { "rbind" } else { "bind" };
    let access = match access {
        Access::Write => "rw",
        Access::ReadTop => "ro",
        Access::ReadAll => "rro",
    };
    [bind, access, propagation.as_str()].map(String::from).to_vec()
}

/// The path in the container, cleaned; the root itself cannot be mounted over.
pub(crate) fn target_path(text: &str) -> Option<String> {
    if !text.starts_with('/') || text.contains('\0') {
        return None;
    }
    let parts = parts(text);
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
