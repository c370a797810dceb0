//! How little a task may do: proto ↔ model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::swarm as api;
use serde::de::IgnoredAny;
use swarm_api::pb::{self, ProfileMode};

use crate::failure::Failure;

/// The model's → the proto.
pub(super) fn spec(asked: api::Privileges) -> Result<pb::Privileges, Failure> {
    if asked.credential_spec.is_some() {
        return Err(Failure::invalid(
            "invalid Privileges.CredentialSpec: only Windows has managed service accounts",
        ));
    }
    if asked.selinux_context.is_some() {
        return Err(Failure::invalid("invalid Privileges.SELinuxContext: SELinux labels are not supported"));
    }
    let (seccomp, seccomp_profile) = seccomp(asked.seccomp.unwrap_or_default())?;
    Ok(pb::Privileges {
        seccomp: seccomp.into(),
        seccomp_profile,
        app_armor: app_armor(&asked.app_armor.unwrap_or_default().mode)?.into(),
        no_new_privileges: asked.no_new_privileges,
    })
}

fn seccomp(asked: api::SeccompOptions) -> Result<(ProfileMode, Vec<u8>), Failure> {
    let mode = match asked.mode.as_str() {
        "" | "default" => ProfileMode::Default,
        "unconfined" => ProfileMode::Unconfined,
        "custom" => ProfileMode::Custom,
        other => return Err(Failure::invalid(format!("unrecognized Seccomp mode: {other:?}"))),
    };
    let wrong = |reason: &str| Failure::invalid(format!("invalid Privileges.Seccomp.Profile: {reason}"));
    if mode != ProfileMode::Custom {
        // It would be ignored.
        return match asked.profile.as_str() {
            "" => Ok((mode, Vec::new())),
            _ => Err(wrong("a profile needs the mode \"custom\"")),
        };
    }
    let profile = STANDARD.decode(&asked.profile).map_err(|_| wrong("not base64"))?;
    serde_json::from_slice::<IgnoredAny>(&profile).map_err(|error| wrong(&format!("not JSON: {error}")))?;
    Ok((mode, profile))
}

fn app_armor(mode: &str) -> Result<ProfileMode, Failure> {
    match mode {
        "" | "default" => Ok(ProfileMode::Default),
        "disabled" => Ok(ProfileMode::Unconfined),
        other => Err(Failure::invalid(format!("unrecognized AppArmor mode: {other:?}"))),
    }
}

/// The proto → the model's.
pub(super) fn told(privileges: pb::Privileges) -> api::Privileges {
    let seccomp = match privileges.seccomp() {
        ProfileMode::Default => None,
        ProfileMode::Unconfined => Some("unconfined"),
        ProfileMode::Custom => Some("custom"),
    };
    let app_armor = match privileges.app_armor() {
        ProfileMode::Default => None,
        ProfileMode::Unconfined | ProfileMode::Custom => Some("disabled"),
    };
    api::Privileges {
        seccomp: seccomp.map(|mode| api::SeccompOptions {
            mode: mode.to_owned(),
            profile: STANDARD.encode(&privileges.seccomp_profile),
        }),
        app_armor: app_armor.map(|mode| api::AppArmorOptions { mode: mode.to_owned() }),
        no_new_privileges: privileges.no_new_privileges,
        ..api::Privileges::default()
    }
}
