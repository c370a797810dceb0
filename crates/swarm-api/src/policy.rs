//! What a swarm lets services have beyond Docker's: each kind needs its word in `ClusterSpec.allow`. Pure.
//!
//! Control asks when a service is made or changed. Workers do not ask again: whoever can make a task is a manager, and could
//! change the policy as well. A policy that is narrowed stops no task that runs; the next change of its service is refused.

use thiserror::Error;

use crate::pb;

/// The words there are.
pub const WORDS: [&str; 7] = ["privileged", "devices", "cdi", "pid", "ipc", "cgroup-parent", "security-opt"];

/// A spec asks for what the swarm does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{key} is not allowed in this swarm; `shoal swarm update --allow {list}` would allow it")]
pub struct NotAllowed {
    /// The field that asks.
    pub key: &'static str,
    /// What the list would have to be: what is allowed already, and the missing word.
    pub list: String,
}

/// Whether the swarm allows all that the container asks for.
///
/// # Errors
/// The first key that it does not.
pub fn check(container: &pb::ContainerSpec, cluster: &pb::ClusterSpec) -> Result<(), NotAllowed> {
    let allowed = cluster.allow.as_ref().map_or(&[][..], |allowed| &allowed.words);
    let missing =
        container.shoal.iter().flat_map(asked).find(|(_, word)| !allowed.iter().any(|own| own == word));
    let Some((key, word)) = missing else { return Ok(()) };
    let list: Vec<&str> = allowed.iter().map(String::as_str).chain([word]).collect();
    Err(NotAllowed { key, list: list.join(",") })
}

/// The keys that ask for something, and their words. The size of `/dev/shm` harms nobody but its task.
fn asked(extras: &pb::ContainerExtras) -> impl Iterator<Item = (&'static str, &'static str)> {
    let keys = [
        (extras.privileged, "Shoal.Privileged", "privileged"),
        (!extras.devices.is_empty(), "Shoal.Devices", "devices"),
        (!extras.cdi_devices.is_empty(), "Shoal.CDIDevices", "cdi"),
        (!extras.pid_mode.is_empty(), "Shoal.PidMode", "pid"),
        (!extras.ipc_mode.is_empty(), "Shoal.IpcMode", "ipc"),
        (!extras.cgroup_parent.is_empty(), "Shoal.CgroupParent", "cgroup-parent"),
        (!extras.security_options.is_empty(), "Shoal.SecurityOpt", "security-opt"),
    ];
    keys.into_iter().filter(|(is_asked, ..)| *is_asked).map(|(_, key, word)| (key, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(extras: pb::ContainerExtras) -> pb::ContainerSpec {
        pb::ContainerSpec { shoal: Some(extras), ..Default::default() }
    }

    fn allowing(words: &[&str]) -> pb::ClusterSpec {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        pb::ClusterSpec { allow: Some(pb::Allowed { words }), ..Default::default() }
    }

    #[test]
    fn nothing_is_allowed_unless_said() {
        let all = pb::ContainerExtras {
            privileged: true,
            devices: vec![pb::Device::default()],
            cdi_devices: vec!["v.com/gpu=any".into()],
            pid_mode: "host".into(),
            ipc_mode: "host".into(),
            cgroup_parent: "/x".into(),
            shm_size_bytes: 1,
            security_options: vec!["systempaths=unconfined".into()],
        };
        let keys: Vec<_> = asked(&all).collect();
        assert_eq!(
            keys.iter().map(|(_, word)| *word).collect::<Vec<_>>(),
            WORDS,
            "every word is asked for by a key"
        );
        let nobody = pb::ClusterSpec::default();
        assert_eq!(check(&asking(all.clone()), &nobody).unwrap_err().key, "Shoal.Privileged");
        assert_eq!(check(&asking(all.clone()), &allowing(&WORDS)), Ok(()));
        let error = check(&asking(all), &allowing(&["ipc", "privileged"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Shoal.Devices is not allowed in this swarm; `shoal swarm update --allow ipc,privileged,devices` would allow it"
        );
        let shm = pb::ContainerExtras { shm_size_bytes: 1 << 20, ..Default::default() };
        assert_eq!(check(&asking(shm), &nobody), Ok(()));
        assert_eq!(check(&pb::ContainerSpec::default(), &nobody), Ok(()));
    }
}
