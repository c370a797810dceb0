//! `SecurityOpt`, masked and read-only paths: how little the container may.

use super::{capability, seccomp};
use crate::spec::{HostConfig, Invalid};
use runtime::oci::LinuxSeccomp;

/// What holds the container back besides its capabilities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Security {
    pub(crate) no_new_privileges: bool,
    /// `None` means unconfined.
    pub(crate) seccomp: Option<LinuxSeccomp>,
    pub(crate) masked_paths: Vec<String>,
    pub(crate) readonly_paths: Vec<String>,
}

/// Reads the options. Labels of AppArmor and SELinux are refused, except `unconfined` and `disable`, which is what
/// happens anyway.
pub(super) fn plan(host: &HostConfig, no_new_privileges: bool) -> Result<Security, Invalid> {
    let capabilities = capability::plan(host)?;
    let mut no_new_privileges = no_new_privileges;
    let mut profile = (!host.privileged).then(|| runtime::default::seccomp(&capabilities));
    let mut paths = !host.privileged;
    for option in &host.security_opt {
        let wrong = || Invalid::SecurityOpt(option.clone());
        let (key, value) = match option.split_once(['=', ':']) {
            Some((key, value)) => (key, value),
            None => (option.as_str(), ""),
        };
        match (key, value) {
            ("no-new-privileges", "" | "true") => no_new_privileges = true,
            ("no-new-privileges", "false") => no_new_privileges = false,
            ("seccomp", "unconfined") => profile = None,
            ("seccomp", "builtin") => profile = Some(runtime::default::seccomp(&capabilities)),
            ("seccomp", json) => profile = Some(seccomp::parse(json, &capabilities)?),
            ("systempaths", "unconfined") => paths = false,
            ("apparmor", "unconfined") | ("label", "disable") => {}
            ("apparmor", _) => return Err(Invalid::NotImplemented("HostConfig.SecurityOpt apparmor")),
            ("label", _) => return Err(Invalid::NotImplemented("HostConfig.SecurityOpt label")),
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
        masked_paths: listed(&host.masked_paths, runtime::default::masked_paths),
        readonly_paths: listed(&host.readonly_paths, runtime::default::readonly_paths),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(options: &[&str]) -> Result<Security, Invalid> {
        let security_opt = options.iter().map(|s| (*s).to_owned()).collect();
        plan(&HostConfig { security_opt, ..HostConfig::default() }, false)
    }

    #[test]
    fn options_by_both_separators() {
        assert!(with(&["no-new-privileges"]).unwrap().no_new_privileges);
        assert!(with(&["no-new-privileges:true"]).unwrap().no_new_privileges);
        assert!(!with(&["no-new-privileges=false"]).unwrap().no_new_privileges);
        assert!(with(&["seccomp=unconfined"]).unwrap().seccomp.is_none());
        assert!(with(&[]).unwrap().seccomp.is_some());
        assert!(with(&["systempaths=unconfined"]).unwrap().masked_paths.is_empty());
        assert!(with(&["apparmor=mine"]).is_err());
        assert!(with(&["label=type:x"]).is_err());
        assert!(with(&["wings"]).is_err());
    }

    #[test]
    fn privileged_lifts_everything() {
        let security = plan(&HostConfig { privileged: true, ..HostConfig::default() }, false).unwrap();
        assert!(
            security.seccomp.is_none()
                && security.masked_paths.is_empty()
                && security.readonly_paths.is_empty()
        );
    }
}
