//! How little a task may do, as options of the engine. Pure.

use swarm_api::pb::{self, ProfileMode};

/// The engine's security options; a sentence when they cannot be honoured.
pub(super) fn options(privileges: Option<&pb::Privileges>) -> Result<Vec<String>, String> {
    let Some(privileges) = privileges else { return Ok(Vec::new()) };
    let mut options = Vec::new();
    if privileges.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    match privileges.seccomp() {
        ProfileMode::Default => {}
        ProfileMode::Unconfined => options.push("seccomp=unconfined".to_owned()),
        ProfileMode::Custom => {
            let profile = std::str::from_utf8(&privileges.seccomp_profile)
                .map_err(|_| "the seccomp profile is no text".to_owned())?;
            options.push(format!("seccomp={profile}"));
        }
    }
    if privileges.app_armor() != ProfileMode::Default {
        options.push("apparmor=unconfined".to_owned());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_an_option() {
        assert!(options(None).unwrap().is_empty());
        assert!(options(Some(&pb::Privileges::default())).unwrap().is_empty());
        let all = pb::Privileges {
            seccomp: ProfileMode::Custom.into(),
            seccomp_profile: b"{}".to_vec(),
            app_armor: ProfileMode::Unconfined.into(),
            no_new_privileges: true,
        };
        assert_eq!(options(Some(&all)).unwrap(), ["no-new-privileges", "seccomp={}", "apparmor=unconfined"]);
        let open = pb::Privileges { seccomp: ProfileMode::Unconfined.into(), ..Default::default() };
        assert_eq!(options(Some(&open)).unwrap(), ["seccomp=unconfined"]);
    }
}
