//! What the tasks of a spec ask of a node, read once for all of them and all nodes.

use swarm_api::pb::{self, MountType};

use super::cluster::Candidates;
use super::constraint::Constraint;
use super::filter::{Refusal, check_placed};
use super::rank::Branches;
use crate::task::reserved;

/// What the tasks of a spec ask of a node.
pub(super) struct Wish<'a> {
    pub(super) reserved: pb::Resources,
    pub(super) generic: &'a [pb::GenericResource],
    /// Whether each candidate is one for the spec at all.
    pub(super) verdicts: Vec<Result<(), Refusal>>,
    /// How many tasks of its service a node may have.
    pub(super) max_replicas: Option<usize>,
    pub(super) branches: Branches,
}

/// What a spec asks of a node, whatever else runs there.
pub(super) struct Placed<'a> {
    pub(super) constraints: Vec<Option<Constraint<'a>>>,
    pub(super) platforms: &'a [pb::Platform],
    /// `Log/syslog`, `Volume/nfs`, `Network/overlay`
    pub(super) plugins: Vec<String>,
}

impl<'a> Wish<'a> {
    pub(super) fn of(task: &'a pb::Task, candidates: &Candidates<'_>) -> Self {
        let spec = task.spec.as_ref();
        let placement = spec.and_then(|spec| spec.placement.as_ref());
        let resources = spec.and_then(|spec| spec.resources.as_ref());
        let max_replicas = placement.map_or(0, |placement| placement.max_replicas);
        let mut placed = spec.map_or_else(Placed::anywhere, Placed::of);
        placed.plugins.extend(network_drivers(task));
        let nodes = candidates.nodes().iter().map(|candidate| candidate.node);
        Wish {
            reserved: reserved(task),
            generic: resources.map_or(&[], |resources| &resources.generic_reservations),
            verdicts: nodes.map(|node| check_placed(node, &placed)).collect(),
            max_replicas: (max_replicas > 0).then(|| usize::try_from(max_replicas).unwrap_or(usize::MAX)),
            branches: Branches::of(candidates, placement.map_or(&[], |placement| &placement.spread)),
        }
    }
}

impl<'a> Placed<'a> {
    fn anywhere() -> Self {
        Placed { constraints: Vec::new(), platforms: &[], plugins: Vec::new() }
    }

    pub(super) fn of(spec: &'a pb::TaskSpec) -> Self {
        let placement = spec.placement.as_ref();
        let constraints = placement.map_or(&[][..], |placement| &placement.constraints);
        Placed {
            constraints: constraints.iter().map(|text| Constraint::parse(text)).collect(),
            platforms: placement.map_or(&[], |placement| &placement.platforms),
            plugins: plugins(spec),
        }
    }
}

/// The drivers a task needs that not every node has.
fn plugins(spec: &pb::TaskSpec) -> Vec<String> {
    let mounts = spec.container.iter().flat_map(|container| &container.mounts);
    let volumes = mounts
        .filter(|mount| mount.r#type() == MountType::Volume && !matches!(mount.driver.as_str(), "" | "local"))
        .map(|mount| format!("Volume/{}", mount.driver));
    let log = spec.log_driver.as_ref().map_or("", |driver| &driver.name);
    let logs = Some(format!("Log/{log}")).filter(|_| !matches!(log, "" | "none"));
    volumes.chain(logs).collect()
}

/// The drivers of the networks that the task is on. Its service's spec only names them, so that they are not asked of a node for the
/// whole of a global service.
fn network_drivers(task: &pb::Task) -> impl Iterator<Item = String> {
    let networks = task.networks.iter().filter_map(|place| place.network.as_ref());
    let drivers = networks.filter_map(|network| network.spec.as_ref()).map(|spec| &spec.driver);
    drivers.filter(|driver| !driver.is_empty()).map(|driver| format!("Network/{driver}"))
}
