//! What a task may use, as the engine limits it. Pure.

use engine::spec::{Resources, Ulimit};
use swarm_api::pb;

/// The limits of the task's container.
pub(super) fn resources(spec: &pb::TaskSpec, container: &pb::ContainerSpec) -> Resources {
    let required = spec.resources.clone().unwrap_or_default();
    let limits = required.limits.unwrap_or_default();
    Resources {
        memory: limits.memory_bytes,
        memory_swap: memory_and_swap(limits.memory_bytes, required.swap_bytes),
        memory_swappiness: required.memory_swappiness.filter(|value| *value >= 0),
        memory_reservation: required.reservations.map_or(0, |reserved| reserved.memory_bytes),
        nano_cpus: limits.nano_cpus,
        pids_limit: (limits.pids > 0).then_some(limits.pids),
        ulimits: container.ulimits.iter().map(ulimit).collect(),
        ..Resources::default()
    }
}

/// A task's swap is besides its memory, the engine's with it.
fn memory_and_swap(memory: i64, swap: Option<i64>) -> i64 {
    match swap {
        None => 0,
        Some(-1) => -1,
        Some(swap) => memory.saturating_add(swap),
    }
}

fn ulimit(limit: &pb::Ulimit) -> Ulimit {
    Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_besides_the_memory() {
        let with = |swap_bytes, memory_swappiness| {
            let limits = Some(pb::Resources { memory_bytes: 100, pids: 7, ..Default::default() });
            let required =
                pb::ResourceRequirements { limits, swap_bytes, memory_swappiness, ..Default::default() };
            let spec = pb::TaskSpec { resources: Some(required), ..Default::default() };
            let ulimit = pb::Ulimit { name: "nofile".into(), soft: 1, hard: 2 };
            resources(&spec, &pb::ContainerSpec { ulimits: vec![ulimit], ..Default::default() })
        };
        assert_eq!(with(None, None).memory_swap, 0);
        assert_eq!(with(Some(-1), Some(-1)).memory_swap, -1);
        let all = with(Some(20), Some(60));
        assert_eq!((all.memory, all.memory_swap, all.memory_swappiness), (100, 120, Some(60)));
        assert_eq!((all.pids_limit, all.ulimits[0].hard), (Some(7), 2));
        assert_eq!(with(None, Some(-1)).memory_swappiness, None, "minus one unsets it");
    }
}
