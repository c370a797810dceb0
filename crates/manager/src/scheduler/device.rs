//! CDI devices of a node (`vendor.com/gpu=0`). A task names one, which others may name too, as containers made by hand can;
//! or it asks for any of a kind (`vendor.com/gpu=any`), and then gets one that no other task has, and that none gets after it.

use std::collections::BTreeSet;

use swarm_api::pb;

use crate::task::cdi_devices;

/// In place of a device's name: any of its kind.
const ANY: &str = "any";
/// The name that vendors give to all their devices together.
const ALL: &str = "all";

/// The devices of a node, and who has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices<'a> {
    all: BTreeSet<&'a str>,
    /// Named by a task.
    named: BTreeSet<String>,
    /// A task's alone.
    given: BTreeSet<String>,
}

impl<'a> Devices<'a> {
    /// All that the node tells of.
    pub(super) fn of(told: &'a [String]) -> Self {
        Devices { all: told.iter().map(String::as_str).collect(), ..Devices::default() }
    }

    /// Counts what the task has.
    pub(super) fn take(&mut self, task: &pb::Task) {
        self.given.extend(task.assigned_cdi.iter().cloned());
        self.named.extend(cdi_devices(task).iter().filter(|name| any_of(name).is_none()).cloned());
    }

    /// What would stand for each `=any` of the task, in order; `None` when the node has not what it asks for.
    pub(super) fn claim(&self, task: &pb::Task) -> Option<Vec<String>> {
        let mut claimed: Vec<String> = Vec::new();
        for name in cdi_devices(task) {
            match any_of(name) {
                None if self.all.contains(name.as_str()) && !self.given.contains(name) => {}
                None => return None,
                Some(kind) => {
                    let is_free = |device: &&str| {
                        let taken = |names: &BTreeSet<String>| names.contains(*device);
                        !taken(&self.given)
                            && !taken(&self.named)
                            && !claimed.iter().any(|name| name == device)
                    };
                    let free = self.of_kind(kind).into_iter().find(is_free)?.to_owned();
                    claimed.push(free);
                }
            }
        }
        Some(claimed)
    }

    /// The devices of a kind. Vendors list each by a number and by an id that means nothing to anybody; where there are numbers
    /// they are the devices.
    fn of_kind(&self, kind: &str) -> Vec<&'a str> {
        let name = |device: &&'a str| device.strip_prefix(kind).and_then(|rest| rest.strip_prefix('='));
        let named = |device: &&'a str| name(device).is_some_and(|name| name != ALL);
        let mut devices: Vec<&'a str> = self.all.iter().copied().filter(named).collect();
        let number = |device: &&'a str| name(device).and_then(|name| name.parse::<u32>().ok());
        if devices.iter().any(|device| number(device).is_some()) {
            devices.retain(|device| number(device).is_some());
            devices.sort_by_key(number);
        }
        devices
    }
}

/// The kind of which any device will do.
fn any_of(name: &str) -> Option<&str> {
    name.split_once('=').filter(|(_, device)| *device == ANY).map(|(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(names: &[&str]) -> pb::Task {
        let extras = pb::ContainerExtras {
            cdi_devices: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Default::default()
        };
        let container = pb::ContainerSpec { shoal: Some(extras), ..Default::default() };
        pb::Task {
            spec: Some(pb::TaskSpec { container: Some(container), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn any_is_for_one_task_alone() {
        let told = ["v.com/gpu=0", "v.com/gpu=10", "v.com/gpu=2", "v.com/gpu=GPU-abc", "v.com/gpu=all"];
        let told = told.map(str::to_owned);
        let mut devices = Devices::of(&told);
        assert_eq!(devices.claim(&asking(&["v.com/gpu=7"])), None);
        assert_eq!(devices.claim(&asking(&["v.com/gpu=0"])), Some(Vec::new()));
        devices.take(&asking(&["v.com/gpu=0"]));
        assert_eq!(devices.claim(&asking(&["v.com/gpu=0"])), Some(Vec::new()), "a name may be shared");
        let two = asking(&["v.com/gpu=any", "v.com/gpu=any"]);
        let claimed = devices.claim(&two).unwrap();
        assert_eq!(claimed, ["v.com/gpu=2", "v.com/gpu=10"], "not what is named already, nor one twice");
        devices.take(&pb::Task { assigned_cdi: claimed, ..two.clone() });
        assert_eq!(devices.claim(&two), None);
        assert_eq!(devices.claim(&asking(&["v.com/gpu=2"])), None, "it is another's alone");
    }

    #[test]
    fn without_numbers_every_name_is_a_device() {
        let told = ["v.com/tape=left", "v.com/tape=right", "w.com/tape=0"].map(str::to_owned);
        let devices = Devices::of(&told);
        let three = asking(&["v.com/tape=any"; 3]);
        assert_eq!(devices.claim(&three), None);
        assert_eq!(
            devices.claim(&asking(&["v.com/tape=any"; 2])).unwrap(),
            ["v.com/tape=left", "v.com/tape=right"]
        );
    }
}
