//! `spec`: a configuration to begin with.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use nix::unistd::{getegid, geteuid};
use runtime::default;
use runtime::oci::{Capability, LinuxNamespaceType, Mount};
use serde_json::{Value, json};

use crate::SPEC_VERSION;
use crate::arguments::{Verb, Words, option, switch};
use crate::failure::{Failure, Outcome};
use crate::global::Global;

const SHM_BYTES: u64 = 64 << 20;

pub(crate) const VERB: Verb = Verb {
    name: "spec",
    usage: "",
    about: "write a config.json to begin with",
    flags: &[
        option(&["--bundle", "-b"], "DIR", "where (the current directory)"),
        switch(&["--rootless"], "for a container in a user namespace of the caller's"),
    ],
    words: (0, 0),
    options_end_after: usize::MAX,
    run: spec,
};

fn spec(_: &Global, words: &Words) -> Outcome<u8> {
    let file = Path::new(words.value("--bundle").unwrap_or(".")).join("config.json");
    let config = config(words.has("--rootless"), geteuid().as_raw(), getegid().as_raw());
    let text = serde_json::to_string_pretty(&config).map_err(|error| Failure::file(&file)(error.into()))?;
    // What is there already was somebody's work.
    File::create_new(&file).and_then(|mut file| writeln!(file, "{text}")).map_err(Failure::file(file))?;
    Ok(0)
}

/// A shell in namespaces of its own, with few capabilities and a root that it cannot write. Pure.
fn config(rootless: bool, uid: u32, gid: u32) -> Value {
    let capabilities = [Capability::AuditWrite, Capability::Kill, Capability::NetBindService];
    let capabilities = default::capability_sets(&capabilities.into_iter().collect());
    let mut namespaces = vec![
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Network,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Cgroup,
    ];
    let mut mounts = default::mounts(SHM_BYTES);
    let mut linux = json!({
        "maskedPaths": default::masked_paths(),
        "readonlyPaths": default::readonly_paths(),
        "resources": {"devices": [{"allow": false, "access": "rwm"}]},
    });
    if rootless {
        // Whose network it is decides who may mount its sysfs, and group 5 does not exist inside.
        namespaces.retain(|namespace| *namespace != LinuxNamespaceType::Network);
        namespaces.push(LinuxNamespaceType::User);
        mounts = mounts.into_iter().map(rootless_mount).collect();
        linux["uidMappings"] = json!([{"containerID": 0, "hostID": uid, "size": 1}]);
        linux["gidMappings"] = json!([{"containerID": 0, "hostID": gid, "size": 1}]);
        linux["resources"] = json!({});
    }
    let namespaces: Vec<Value> = namespaces.iter().map(|typ| json!({"type": typ})).collect();
    linux["namespaces"] = json!(namespaces);
    json!({
        "ociVersion": SPEC_VERSION,
        "process": {
            "terminal": true,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": capabilities,
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "shoal",
        "mounts": mounts,
        "linux": linux,
    })
}

fn rootless_mount(mut mount: Mount) -> Mount {
    let options = mount.options().clone().unwrap_or_default();
    if mount.destination() == Path::new("/sys") {
        let options = ["rbind", "nosuid", "noexec", "nodev", "ro"].map(str::to_owned).to_vec();
        mount.set_typ(Some("none".into())).set_source(Some("/sys".into())).set_options(Some(options));
    } else {
        mount.set_options(Some(options.into_iter().filter(|option| !option.starts_with("gid=")).collect()));
    }
    mount
}

#[cfg(test)]
mod tests {
    use runtime::oci::Spec;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for rootless in [false, true] {
            let spec: Spec = serde_json::from_value(config(rootless, 1000, 1000)).unwrap();
            assert_eq!(spec.version(), SPEC_VERSION);
            let linux = spec.linux().as_ref().unwrap();
            assert_eq!(linux.uid_mappings().is_some(), rootless);
        }
    }
}
