//! What this runtime can do, in the words of the specification's features.md. Pure.

use serde_json::{Value, json};

/// Options of a mount that are no file system's own. Those of [`ATTRIBUTES`] also exist with a leading `r`.
const OPTIONS: [&str; 13] = [
    "bind",
    "rbind",
    "defaults",
    "remount",
    "idmap",
    "ridmap",
    "async",
    "sync",
    "dirsync",
    "lazytime",
    "nolazytime",
    "silent",
    "loud",
];
const ATTRIBUTES: [&str; 22] = [
    "ro",
    "rw",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "nosymfollow",
    "symfollow",
    "nodiratime",
    "diratime",
    "noatime",
    "atime",
    "strictatime",
    "relatime",
    "norelatime",
    "nostrictatime",
    "private",
    "shared",
    "slave",
    "unbindable",
];

const SECCOMP_ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];
const SECCOMP_OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];
const SECCOMP_FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// The features object.
pub fn features() -> Value {
    json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.0",
        "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        "mountOptions": mount_options(),
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
            "cgroup": {"v1": true, "v2": true, "systemd": true, "systemdUser": false, "rdma": true},
            "seccomp": {
                "enabled": true,
                "actions": SECCOMP_ACTIONS,
                "operators": SECCOMP_OPERATORS,
                "archs": ["SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
                "knownFlags": SECCOMP_FLAGS,
                "supportedFlags": SECCOMP_FLAGS,
            },
            // Where the kernel has them.
            "apparmor": {"enabled": true},
            "selinux": {"enabled": true},
            "intelRdt": {"enabled": false},
            "mountExtensions": {"idmap": {"enabled": true}},
        },
        "annotations": {},
        "potentiallyUnsafeConfigAnnotations": [],
    })
}

fn mount_options() -> Vec<String> {
    let mut options: Vec<String> = OPTIONS.iter().chain(&ATTRIBUTES).map(|o| (*o).to_owned()).collect();
    options.extend(ATTRIBUTES.iter().map(|option| format!("r{option}")));
    options.sort_unstable();
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{self, Features};
    use crate::plan::Mount;

    #[test]
    fn it_has_the_shape_of_the_specification() {
        let features: Features = serde_json::from_value(features()).unwrap();
        assert_eq!(features.oci_version_max(), "1.2.0");
    }

    #[test]
    fn every_mount_option_that_is_named_is_known() {
        for option in mount_options() {
            let mut mount = oci::Mount::default();
            mount
                .set_destination("/x".into())
                .set_typ(Some("bind".into()))
                .set_source(Some("/x".into()))
                .set_options(Some(vec![option.clone()]));
            // A bind takes no options of a file system: what it takes is known.
            assert!(Mount::new(&mount).is_ok(), "{option}");
        }
    }
}
