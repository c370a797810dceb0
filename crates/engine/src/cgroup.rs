//! Where the cgroups of containers are. Pure.
//!
//! Made by ourselves they are directories, `<parent>/<id>`; made by systemd they are scopes, `<daemon>-<id>.scope` in a
//! slice. Several daemons share a slice: a scope is a daemon's own by its prefix and an id behind it.

use crate::config::EngineConfig;
use crate::record::Record;
use runtime::cgroup::systemd::Unit;
use std::path::{Path, PathBuf};

/// Where scopes are if nobody says otherwise.
const DEFAULT_SLICE: &str = "system.slice";
/// Digits of a container's id.
const ID_DIGITS: usize = 64;

/// Who makes the cgroups of containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CgroupDriver {
    /// The runtime, by itself.
    #[default]
    Cgroupfs,
    /// systemd, which is asked.
    Systemd,
}

impl CgroupDriver {
    /// Docker's name of it.
    pub fn name(self) -> &'static str {
        match self {
            CgroupDriver::Cgroupfs => "cgroupfs",
            CgroupDriver::Systemd => "systemd",
        }
    }
}

/// The cgroup under which this daemon's containers have theirs, unless they say otherwise.
pub(crate) fn cgroup_root(config: &EngineConfig) -> PathBuf {
    match config.cgroup_driver {
        CgroupDriver::Cgroupfs => Path::new("/").join(&config.name),
        CgroupDriver::Systemd => Path::new("/").join(DEFAULT_SLICE),
    }
}

/// The cgroup of a container: under its own parent, else the daemon's, else [`cgroup_root`].
pub(crate) fn cgroup_path(config: &EngineConfig, record: &Record) -> PathBuf {
    path(config, &record.spec.host.cgroup_parent, &record.id)
}

fn path(config: &EngineConfig, own_parent: &str, id: &str) -> PathBuf {
    let parent = parent(config, own_parent);
    match config.cgroup_driver {
        CgroupDriver::Cgroupfs if parent.is_empty() => cgroup_root(config).join(id),
        CgroupDriver::Cgroupfs => Path::new("/").join(parent).join(id),
        CgroupDriver::Systemd => {
            let unit = Unit::parse(Some(Path::new(&systemd_path(config, parent, id))), id);
            // A slice that is none was refused when the container was created.
            unit.and_then(|unit| unit.path()).unwrap_or_else(|_| cgroup_root(config).join(scope(config, id)))
        }
    }
}

/// `linux.cgroupsPath` for the runtime.
pub(crate) fn oci_path(config: &EngineConfig, record: &Record) -> PathBuf {
    let own = record.spec.host.cgroup_parent.as_str();
    match config.cgroup_driver {
        CgroupDriver::Cgroupfs => cgroup_path(config, record),
        CgroupDriver::Systemd => systemd_path(config, parent(config, own), &record.id).into(),
    }
}

/// The scope of systemd's that a container's cgroup is, if it is one.
pub(crate) fn scope_of(config: &EngineConfig, id: &str) -> Option<String> {
    (config.cgroup_driver == CgroupDriver::Systemd).then(|| scope(config, id))
}

/// The container that a child of [`cgroup_root`] belongs to, if it is one of this daemon's.
pub(crate) fn container_of<'a>(config: &EngineConfig, child: &'a str) -> Option<&'a str> {
    match config.cgroup_driver {
        CgroupDriver::Cgroupfs => Some(child),
        CgroupDriver::Systemd => {
            let id = child.strip_prefix(&config.name)?.strip_prefix('-')?.strip_suffix(".scope")?;
            (id.len() == ID_DIGITS && id.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(id)
        }
    }
}

/// Whether `parent` can be a parent. systemd's are slices.
pub(crate) fn is_parent(driver: CgroupDriver, parent: &str) -> bool {
    match driver {
        CgroupDriver::Cgroupfs => !parent.split('/').any(|part| part == ".."),
        CgroupDriver::Systemd => {
            parent.is_empty() || Unit::parse(Some(Path::new(&format!("{parent}:shoal:x"))), "x").is_ok()
        }
    }
}

fn parent<'a>(config: &'a EngineConfig, own: &'a str) -> &'a str {
    if own.is_empty() { &config.cgroup_parent } else { own }
}

fn systemd_path(config: &EngineConfig, parent: &str, id: &str) -> String {
    let slice = if parent.is_empty() { DEFAULT_SLICE } else { parent };
    format!("{slice}:{}:{id}", config.name)
}

fn scope(config: &EngineConfig, id: &str) -> String {
    format!("{}-{id}.scope", config.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cgroup_driver: CgroupDriver, cgroup_parent: &str) -> EngineConfig {
        let cgroup_parent = cgroup_parent.to_owned();
        EngineConfig { name: "shoal".to_owned(), cgroup_driver, cgroup_parent, ..EngineConfig::default() }
    }

    #[test]
    fn a_cgroup_is_a_directory_or_a_scope() {
        let own = config(CgroupDriver::Cgroupfs, "");
        assert_eq!(path(&own, "", "abc"), Path::new("/shoal/abc"));
        assert_eq!(path(&own, "a/b", "abc"), Path::new("/a/b/abc"));
        let systemd = config(CgroupDriver::Systemd, "");
        assert_eq!(path(&systemd, "", "abc"), Path::new("/system.slice/shoal-abc.scope"));
        assert_eq!(path(&systemd, "a-b.slice", "abc"), Path::new("/a.slice/a-b.slice/shoal-abc.scope"));
        let parent = config(CgroupDriver::Systemd, "x.slice");
        assert_eq!(path(&parent, "", "abc"), Path::new("/x.slice/shoal-abc.scope"));
    }

    #[test]
    fn only_a_slice_is_a_parent_of_scopes() {
        assert!(is_parent(CgroupDriver::Systemd, "x.slice") && is_parent(CgroupDriver::Systemd, ""));
        assert!(!is_parent(CgroupDriver::Systemd, "/x") && !is_parent(CgroupDriver::Cgroupfs, "a/../b"));
        assert!(is_parent(CgroupDriver::Cgroupfs, "/x"));
    }

    #[test]
    fn scopes_of_others_are_not_ours() {
        let systemd = config(CgroupDriver::Systemd, "");
        let id = "a".repeat(ID_DIGITS);
        assert_eq!(container_of(&systemd, &format!("shoal-{id}.scope")), Some(id.as_str()));
        for other in [format!("docker-{id}.scope"), format!("shoal-2-{id}.scope"), "ssh.service".to_owned()] {
            assert_eq!(container_of(&systemd, &other), None, "{other}");
        }
        assert_eq!(container_of(&config(CgroupDriver::Cgroupfs, ""), "x"), Some("x"));
    }
}
