//! Settings that containers get where they do not say otherwise, and their checks.

use std::net::IpAddr;
use std::path::PathBuf;

use engine::CgroupDriver;
use serde::Deserialize;

use super::error::ConfigError;

/// The option of `exec-opts` that names who makes cgroups.
const CGROUP_DRIVER: &str = "native.cgroupdriver";

/// What containers get where they do not say otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Containers {
    pub(crate) default_ipc_mode: String,
    /// A size such as `64M`.
    pub(crate) default_shm_size: String,
    pub(crate) no_new_privileges: bool,
    /// Empty, `builtin`, `unconfined`, or the path of a profile.
    pub(crate) seccomp_profile: String,
    /// Empty: the usual ones.
    pub(crate) cdi_spec_dirs: Vec<PathBuf>,
    /// Empty: containers have the host's users.
    pub(crate) userns_remap: String,
    pub(crate) dns: Vec<String>,
    pub(crate) dns_opts: Vec<String>,
    pub(crate) dns_search: Vec<String>,
    pub(crate) exec_opts: Vec<String>,
    pub(crate) init_path: String,
}

impl Containers {
    /// Bytes of `/dev/shm`; 0 means the engine's default.
    pub(crate) fn shm_bytes(&self) -> Option<i64> {
        if self.default_shm_size.is_empty() { Some(0) } else { bytes(&self.default_shm_size) }
    }

    /// Who makes the cgroups of containers; the last word counts.
    pub(crate) fn cgroup_driver(&self) -> CgroupDriver {
        let mut words = self.exec_opts.iter().filter_map(|option| option.split_once('='));
        match words.rfind(|(key, _)| *key == CGROUP_DRIVER) {
            Some((_, "systemd")) => CgroupDriver::Systemd,
            _ => CgroupDriver::Cgroupfs,
        }
    }

    /// Checks the values that a type alone does not.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: &str, expected| {
            Err(ConfigError::Value { key, value: format!("{value:?}"), expected })
        };
        if !matches!(self.default_ipc_mode.as_str(), "" | "private" | "shareable") {
            return wrong("default-ipc-mode", &self.default_ipc_mode, "private or shareable");
        }
        if self.shm_bytes().is_none() {
            return wrong("default-shm-size", &self.default_shm_size, "a size, such as 64M");
        }
        for server in &self.dns {
            if server.parse::<IpAddr>().is_err() {
                return wrong("dns", server, "an IP address");
            }
        }
        if !self.init_path.is_empty() {
            return wrong("init-path", &self.init_path, "nothing: the init of containers is built in");
        }
        for option in &self.exec_opts {
            match option.split_once('=') {
                Some((CGROUP_DRIVER, "cgroupfs" | "systemd")) => {}
                _ => return wrong("exec-opts", option, "native.cgroupdriver=cgroupfs or systemd"),
            }
        }
        for dir in &self.cdi_spec_dirs {
            if !dir.as_os_str().is_empty() && !dir.is_absolute() {
                return wrong("cdi-spec-dirs", &dir.display().to_string(), "absolute paths");
            }
        }
        Ok(())
    }
}

/// `64M`, `1g`, `1024`, `10kb`: units of 1024.
fn bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let lower = lower.strip_suffix('i').unwrap_or(lower);
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: i64 = match &lower[digits.len()..] {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.trim().parse::<i64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("64M", Some(64 << 20)),
            ("1g", Some(1 << 30)),
            ("1024", Some(1024)),
            ("10 kB", Some(10 << 10)),
            ("", None),
            ("-1", None),
            ("1x", None),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn wrong_values_are_named() {
        let wrong = [
            Containers { default_ipc_mode: "host".into(), ..Containers::default() },
            Containers { default_shm_size: "much".into(), ..Containers::default() },
            Containers { dns: vec!["x".into()], ..Containers::default() },
            Containers { init_path: "/sbin/tini".into(), ..Containers::default() },
            Containers { exec_opts: vec!["native.cgroupdriver=none".into()], ..Containers::default() },
            Containers { exec_opts: vec!["colour=red".into()], ..Containers::default() },
            Containers { cdi_spec_dirs: vec!["cdi".into()], ..Containers::default() },
        ];
        for config in wrong {
            assert!(config.check().is_err(), "{config:?}");
        }
        assert!(Containers::default().check().is_ok());
    }
}
