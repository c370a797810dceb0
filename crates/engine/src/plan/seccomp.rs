//! A user's seccomp profile in Docker's format, turned into OCI rules for this container.
//!
//! The profile is hostile text: its size is bounded, and what it does not say stays denied by its default action.

use std::path::PathBuf;

use crate::spec::Invalid;
use runtime::oci::{
    Arch, Capabilities, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompFilterFlag, LinuxSyscall,
};
use serde::{Deserialize, Deserializer};

/// Docker's own profile has 30 KB.
const PROFILE_MAX_BYTES: usize = 1 << 20;
/// Docker's name of the architecture we run on, in `includes.arches`.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: LinuxSeccompAction,
    default_errno_ret: Option<u32>,
    #[serde(default, deserialize_with = "or_default")]
    architectures: Vec<Arch>,
    #[serde(default, deserialize_with = "or_default")]
    arch_map: Vec<ArchMap>,
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    listener_path: Option<PathBuf>,
    listener_metadata: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: Arch,
    #[serde(default, deserialize_with = "or_default")]
    sub_architectures: Vec<Arch>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(flatten)]
    syscall: Named,
    #[serde(default, deserialize_with = "or_default")]
    includes: Condition,
    #[serde(default, deserialize_with = "or_default")]
    excludes: Condition,
}

/// Old profiles say `name`, newer ones `names`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Many(LinuxSyscall),
    One(OldSyscall),
}

#[derive(Deserialize)]
struct OldSyscall {
    name: String,
    action: LinuxSeccompAction,
}

/// When a rule applies. `minKernel` always holds: no profile asks for more than the oldest kernel we run on.
#[derive(Default, Deserialize)]
struct Condition {
    #[serde(default, deserialize_with = "or_default")]
    caps: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    arches: Vec<String>,
}

/// Reads a profile for a container with these capabilities.
pub(super) fn parse(json: &str, capabilities: &Capabilities) -> Result<LinuxSeccomp, Invalid> {
    if json.len() > PROFILE_MAX_BYTES {
        return Err(Invalid::Seccomp(format!("it is longer than {PROFILE_MAX_BYTES} bytes")));
    }
    let profile: Profile = serde_json::from_str(json).map_err(|error| Invalid::Seccomp(error.to_string()))?;
    let has =
        |name: &String| capabilities.iter().any(|have| name.strip_prefix("CAP_") == Some(&have.to_string()));
    let here = |name: &String| name == ARCHITECTURE;
    let applies = |rule: &Rule| {
        (rule.includes.caps.is_empty() || rule.includes.caps.iter().all(has))
            && (rule.includes.arches.is_empty() || rule.includes.arches.iter().any(here))
            && !rule.excludes.caps.iter().any(has)
            && !rule.excludes.arches.iter().any(here)
    };
    let native = if cfg!(target_arch = "aarch64") { Arch::ScmpArchAarch64 } else { Arch::ScmpArchX86_64 };
    let mapped = profile.arch_map.into_iter().find(|map| map.architecture == native);
    let architectures = match mapped {
        Some(map) => [vec![map.architecture], map.sub_architectures].concat(),
        None => profile.architectures,
    };
    let syscalls = profile.syscalls.into_iter().filter(applies).map(|rule| rule.syscall.into()).collect();
    let mut seccomp = LinuxSeccomp::default();
    seccomp
        .set_default_action(profile.default_action)
        .set_default_errno_ret(profile.default_errno_ret)
        .set_flags(profile.flags)
        .set_listener_path(profile.listener_path)
        .set_listener_metadata(profile.listener_metadata)
        .set_architectures((!architectures.is_empty()).then_some(architectures))
        .set_syscalls(Some(syscalls));
    Ok(seccomp)
}

impl From<Named> for LinuxSyscall {
    fn from(named: Named) -> LinuxSyscall {
        match named {
            Named::Many(syscall) => syscall,
            Named::One(old) => {
                let mut syscall = LinuxSyscall::default();
                syscall.set_names(vec![old.name]).set_action(old.action);
                syscall
            }
        }
    }
}

/// Go writes `null` for empty lists.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,
        "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":null},{"architecture":"SCMP_ARCH_AARCH64","subArchitectures":[]}],
        "syscalls":[
            {"names":["read","write"],"action":"SCMP_ACT_ALLOW","args":null,"includes":{},"excludes":{}},
            {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
            {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"op":"SCMP_CMP_MASKED_EQ"}],
             "excludes":{"caps":["CAP_SYS_ADMIN"],"arches":["s390"]}},
            {"name":"getpid","action":"SCMP_ACT_LOG"}]}"#;

    fn names(capabilities: &Capabilities) -> Vec<String> {
        let seccomp = parse(PROFILE, capabilities).unwrap();
        seccomp.syscalls().iter().flatten().flat_map(|syscall| syscall.names().clone()).collect()
    }

    #[test]
    fn rules_follow_the_capabilities() {
        assert_eq!(names(&Capabilities::default()), ["read", "write", "clone", "getpid"]);
        let admin = [runtime::oci::Capability::SysAdmin].into_iter().collect();
        assert_eq!(names(&admin), ["read", "write", "mount", "getpid"]);
    }

    #[test]
    fn what_is_no_profile_is_told() {
        for text in ["", "{}", "[]", r#"{"defaultAction":"SCMP_ACT_DANCE"}"#] {
            let message = parse(text, &Capabilities::default()).unwrap_err().to_string();
            assert!(message.starts_with("Decoding seccomp profile failed"), "{message}");
        }
    }
}
