//! `SecurityOpt`, masked and read-only paths: how little the container may.

use super::{capability, seccomp};
use crate::config::EngineConfig;
use crate::spec::{HostConfig, Invalid};
use runtime::oci::LinuxSeccomp;

/// What holds the container back besides its capabilities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Security {
    pub(crate) no_new_privileges: bool,
    /// `None` means unconfined.
    pub(crate) seccomp: Option<LinuxSeccomp>,
    /// The profile that was asked for by name.
    pub(crate) apparmor: Option<String>,
    pub(crate) masked_paths: Vec<String>,
    pub(crate) readonly_paths: Vec<String>,
}

/// Reads the options; what they leave open is the daemon's.
pub(super) fn plan(host: &HostConfig, engine: &EngineConfig) -> Result<Security, Invalid> {
    let capabilities = capability::plan(host)?;
    let mut no_new_privileges = engine.no_new_privileges;
    let default = || match engine.seccomp_profile.as_str() {
        "" | "builtin" => Ok(Some(runtime::default::seccomp(&capabilities))),
        "unconfined" => Ok(None),
        json => seccomp::parse(json, &capabilities).map(Some),
    };
    let mut profile = if host.privileged { None } else { default()? };
    let mut paths = !host.privileged;
    let mut apparmor = None;
    for option in &host.security_opt {
        let wrong = || Invalid::SecurityOpt(option.clone());
        let (key, value) = match (option.as_str(), option.split_once('=').or_else(|| option.split_once(':')))
        {
            ("no-new-privileges", _) => ("no-new-privileges", "true"),
            ("disable", _) => ("label", "disable"),
            (_, Some(pair)) => pair,
            (_, None) => return Err(Invalid::SecurityOptValue(option.clone())),
        };
        match (key, value) {
            ("no-new-privileges", text) => no_new_privileges = boolean(text).ok_or_else(wrong)?,
            ("seccomp", "unconfined") => profile = None,
            ("seccomp", "builtin") => profile = Some(runtime::default::seccomp(&capabilities)),
            ("seccomp", json) => profile = Some(seccomp::parse(json, &capabilities)?),
            ("systempaths", "unconfined") => paths = false,
            ("apparmor", "unconfined") => apparmor = None,
            ("apparmor", name) => apparmor = Some(name.to_owned()),
            // Labels are SELinux', which Docker too leaves alone unless the daemon is told to use it.
            ("label", _) => {}
            _ => return Err(wrong()),
        }
    }
    let listed = |own: &Option<Vec<String>>, default: fn() -> Vec<String>| match own {
        Some(paths) => paths.clone(),
        None if paths => default(),
        None => Vec::new(),
    };
    Ok(Security {
        no_new_privileges,
        seccomp: profile,
        apparmor,
        masked_paths: listed(&host.masked_paths, runtime::default::masked_paths),
        readonly_paths: listed(&host.readonly_paths, runtime::default::readonly_paths),
    })
}

/// What Go's `strconv.ParseBool` takes.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(options: &[&str]) -> Result<Security, Invalid> {
        let security_opt = options.iter().map(|s| (*s).to_owned()).collect();
        plan(&HostConfig { security_opt, ..HostConfig::default() }, &EngineConfig::default())
    }

    #[test]
    fn options_by_both_separators() {
        assert!(with(&["no-new-privileges"]).unwrap().no_new_privileges);
        assert!(with(&["no-new-privileges:true"]).unwrap().no_new_privileges);
        assert!(!with(&["no-new-privileges=false"]).unwrap().no_new_privileges);
        assert!(with(&["seccomp=unconfined"]).unwrap().seccomp.is_none());
        assert!(with(&[]).unwrap().seccomp.is_some());
        assert!(with(&["systempaths=unconfined"]).unwrap().masked_paths.is_empty());
        assert_eq!(with(&["apparmor=mine"]).unwrap().apparmor.as_deref(), Some("mine"));
        assert!(with(&["label=type:x"]).is_ok() && with(&["disable"]).is_ok());
        for (wrong, number) in [("wings", 1), ("wings=2", 2), ("no-new-privileges:maybe", 2)] {
            let message = with(&[wrong]).unwrap_err().to_string();
            assert_eq!(message, format!("invalid --security-opt {number}: {wrong:?}"));
        }
    }

    #[test]
    fn privileged_lifts_everything() {
        let security =
            plan(&HostConfig { privileged: true, ..HostConfig::default() }, &EngineConfig::default())
                .unwrap();
        assert!(
            security.seccomp.is_none()
                && security.masked_paths.is_empty()
                && security.readonly_paths.is_empty()
        );
    }
}
