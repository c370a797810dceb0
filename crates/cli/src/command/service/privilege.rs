//! What the processes of a service may do: capabilities, groups, limits, kernel parameters; and what only Windows has.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::edit::{list, map, texts};
use super::spec::{at, set};
use crate::flag::{credential, pair, ulimit};

type Pair = (String, String);

const GROUPS: [&str; 3] = ["TaskTemplate", "ContainerSpec", "Groups"];
const SYSCTLS: [&str; 3] = ["TaskTemplate", "ContainerSpec", "Sysctls"];
const ULIMITS: [&str; 3] = ["TaskTemplate", "ContainerSpec", "Ulimits"];
const CAPABILITY_ADD: [&str; 3] = ["TaskTemplate", "ContainerSpec", "CapabilityAdd"];
const CAPABILITY_DROP: [&str; 3] = ["TaskTemplate", "ContainerSpec", "CapabilityDrop"];
/// Every capability.
const ALL: &str = "ALL";
/// In an update: forget what the service has.
const RESET: &str = "RESET";

/// Flags of `service create`.
#[derive(Debug, Args)]
pub(super) struct Privileges {
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    cap_drop: Vec<String>,
    /// Set one or more supplementary user groups for the container
    #[arg(long, value_name = "list")]
    group: Vec<String>,
    /// Sysctl options
    #[arg(long, value_name = "list", value_parser = pair::strict)]
    sysctl: Vec<Pair>,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = ulimit::parse)]
    ulimit: Vec<ulimit::Ulimit>,
}

/// Flags of `service update`.
#[derive(Debug, Args)]
pub(super) struct PrivilegeChanges {
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    cap_drop: Vec<String>,
    /// Add an additional supplementary user group to the container
    #[arg(long, value_name = "list")]
    group_add: Vec<String>,
    /// Remove a previously added supplementary user group from the container
    #[arg(long, value_name = "list")]
    group_rm: Vec<String>,
    /// Add or update a Sysctl option
    #[arg(long, value_name = "list", value_parser = pair::strict)]
    sysctl_add: Vec<Pair>,
    /// Remove a Sysctl option
    #[arg(long, value_name = "list")]
    sysctl_rm: Vec<String>,
    /// Add or update a ulimit option
    #[arg(long, value_name = "ulimit", value_parser = ulimit::parse)]
    ulimit_add: Vec<ulimit::Ulimit>,
    /// Remove a ulimit option
    #[arg(long, value_name = "list")]
    ulimit_rm: Vec<String>,
}

/// Flags of both, for Windows: the daemon says so.
#[derive(Debug, Args)]
pub(super) struct Windows {
    /// Credential spec for managed service account (Windows only)
    #[arg(long, value_name = "credential-spec", value_parser = credential::parse)]
    credential_spec: Option<Value>,
    /// Service container isolation mode
    #[arg(long, value_name = "string")]
    isolation: Option<String>,
}

impl Privileges {
    /// Sets what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        let (add, drop) = (words(&self.cap_add), words(&self.cap_drop));
        // As in Docker, adding wins over dropping.
        let drop: BTreeSet<String> = drop.difference(&add).cloned().collect();
        put(spec, &CAPABILITY_ADD, add);
        put(spec, &CAPABILITY_DROP, drop);
        texts(spec, &GROUPS, &self.group, &[]);
        map(spec, &SYSCTLS, &self.sysctl, &[]);
        limits(spec, &self.ulimit, &[]);
    }
}

impl PrivilegeChanges {
    /// Removes, then adds, what the flags say.
    pub(super) fn apply(&self, spec: &mut Value) {
        self.capabilities(spec);
        texts(spec, &GROUPS, &self.group_add, &self.group_rm);
        map(spec, &SYSCTLS, &self.sysctl_add, &self.sysctl_rm);
        limits(spec, &self.ulimit_add, &self.ulimit_rm);
    }

    /// As in Docker: to add what the service drops is to drop it no more, and the other way round; adding wins.
    fn capabilities(&self, spec: &mut Value) {
        if self.cap_add.is_empty() && self.cap_drop.is_empty() {
            return;
        }
        let known = |spec: &mut Value, path: &[&str]| {
            let list = at(spec, path).as_array().cloned().unwrap_or_default();
            words(&list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<_>>())
        };
        let (mut added, mut dropped) = (known(spec, &CAPABILITY_ADD), known(spec, &CAPABILITY_DROP));
        let (mut add, mut drop) = (words(&self.cap_add), words(&self.cap_drop));
        if add.remove(RESET) {
            added.clear();
        }
        if drop.remove(RESET) {
            dropped.clear();
        }
        for word in drop.difference(&add) {
            if !added.remove(word) {
                dropped.insert(word.clone());
            }
        }
        for word in add {
            if !dropped.remove(&word) {
                added.insert(word);
            }
        }
        *at(spec, &CAPABILITY_ADD) = json!(whole(added));
        *at(spec, &CAPABILITY_DROP) = json!(whole(dropped));
    }
}

impl Windows {
    pub(super) fn apply(&self, spec: &mut Value) {
        let place = ["TaskTemplate", "ContainerSpec", "Privileges", "CredentialSpec"];
        set(spec, &place, self.credential_spec.as_ref());
        set(spec, &["TaskTemplate", "ContainerSpec", "Isolation"], self.isolation.as_ref());
    }
}

/// Capabilities in full, each once.
fn words(names: &[String]) -> BTreeSet<String> {
    names.iter().map(|name| capability(name)).collect()
}

/// A capability in full: `CAP_NET_ADMIN` from `net_admin`.
fn capability(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    if name == ALL || name == RESET || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

/// All stands for each.
fn whole(set: BTreeSet<String>) -> BTreeSet<String> {
    if set.contains(ALL) { [ALL.to_owned()].into() } else { set }
}

fn put(spec: &mut Value, path: &[&str], set: BTreeSet<String>) {
    if !set.is_empty() {
        *at(spec, path) = json!(whole(set));
    }
}

fn limits(spec: &mut Value, add: &[ulimit::Ulimit], remove: &[String]) {
    let limit = |limit: &ulimit::Ulimit| json!({"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard});
    let gone: Vec<Value> = remove.iter().map(|name| json!(name)).collect();
    list(spec, &ULIMITS, add.iter().map(limit).collect(), &gone, &|item| item["Name"].clone());
}

#[cfg(test)]
mod tests {
    use super::super::tests::parsed;
    use super::*;

    #[test]
    fn capabilities_are_as_docker_makes_them() {
        let made = |flags: &[&str]| {
            let mut spec = json!({});
            parsed::<Privileges>(flags).apply(&mut spec);
            spec["TaskTemplate"]["ContainerSpec"].take()
        };
        let flags =
            ["--cap-add", "net_admin", "--cap-add", "CHOWN", "--cap-drop", "chown", "--cap-drop", "ALL"];
        let want = json!({"CapabilityAdd": ["CAP_CHOWN", "CAP_NET_ADMIN"], "CapabilityDrop": ["ALL"]});
        assert_eq!(made(&flags), want);
        let flags = ["--ulimit", "nofile=1:2", "--sysctl", "net.a=1", "--group", "audio"];
        let want = json!({"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "Sysctls": {"net.a": "1"}, "Groups": ["audio"]});
        assert_eq!(made(&flags), want);
        assert_eq!(made(&[]), Value::Null);
    }

    #[test]
    fn changes_are_as_docker_makes_them() {
        let before = json!({"TaskTemplate": {"ContainerSpec": {
            "CapabilityAdd": ["CAP_NET_ADMIN"], "CapabilityDrop": ["CAP_CHOWN", "CAP_KILL"],
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "Sysctls": {"net.a": "1"}, "Groups": ["audio"],
        }}});
        let changed = |flags: &[&str]| {
            let mut spec = before.clone();
            parsed::<PrivilegeChanges>(flags).apply(&mut spec);
            spec["TaskTemplate"]["ContainerSpec"].take()
        };
        let got = changed(&[
            "--cap-add",
            "RESET",
            "--cap-add",
            "SYS_TIME",
            "--cap-drop",
            "KILL",
            "--cap-add",
            "CHOWN",
        ]);
        assert_eq!(
            (&got["CapabilityAdd"], &got["CapabilityDrop"]),
            (&json!(["CAP_SYS_TIME"]), &json!(["CAP_KILL"]))
        );
        let got = changed(&["--cap-add", "NET_ADMIN", "--cap-drop", "NET_ADMIN"]);
        assert_eq!(got["CapabilityAdd"], json!(["CAP_NET_ADMIN"]));
        let got = changed(&["--cap-drop", "NET_ADMIN"]);
        assert_eq!((&got["CapabilityAdd"], &got["CapabilityDrop"][0]), (&json!([]), &json!("CAP_CHOWN")));
        assert_eq!(changed(&["--cap-add", "all"])["CapabilityAdd"], json!(["ALL"]));
        let flags = [
            "--ulimit-add",
            "core=0",
            "--ulimit-rm",
            "nofile",
            "--sysctl-add",
            "net.b=2",
            "--sysctl-rm",
            "net.a",
            "--group-add",
            "video",
            "--group-rm",
            "audio",
        ];
        let got = changed(&flags);
        assert_eq!(got["Ulimits"], json!([{"Name": "core", "Soft": 0, "Hard": 0}]));
        assert_eq!((&got["Sysctls"], &got["Groups"]), (&json!({"net.b": "2"}), &json!(["video"])));
        assert_eq!(changed(&[]), before["TaskTemplate"]["ContainerSpec"]);
    }
}
