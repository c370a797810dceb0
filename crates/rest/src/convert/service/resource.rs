//! What a task may use, and what is kept for it: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

/// The model's → the proto; none where nothing is asked for.
pub(super) fn spec(asked: api::ResourceRequirements) -> Result<Option<pb::ResourceRequirements>, Failure> {
    let limits = asked.limits.map(|limit| pb::Resources {
        nano_cpus: limit.nano_cpus,
        memory_bytes: limit.memory_bytes,
        pids: limit.pids,
    });
    let reservations = asked.reservations.as_ref().map(|kept| pb::Resources {
        nano_cpus: kept.nano_cpus,
        memory_bytes: kept.memory_bytes,
        pids: 0,
    });
    let generic = asked.reservations.map(|kept| kept.generic_resources).unwrap_or_default();
    let requirements = pb::ResourceRequirements {
        limits,
        reservations,
        swap_bytes: asked.swap_bytes,
        memory_swappiness: asked.memory_swappiness,
        generic_reservations: generic.into_iter().map(generic_spec).collect::<Result<_, _>>()?,
    };
    Ok((requirements != pb::ResourceRequirements::default()).then_some(requirements))
}

fn generic_spec(asked: api::GenericResource) -> Result<pb::GenericResource, Failure> {
    match (asked.named_resource_spec, asked.discrete_resource_spec) {
        (Some(named), None) => {
            Ok(pb::GenericResource { kind: named.kind, value: named.value, ..pb::GenericResource::default() })
        }
        (None, Some(counted)) => Ok(pb::GenericResource {
            kind: counted.kind,
            count: counted.value,
            ..pb::GenericResource::default()
        }),
        _ => Err(Failure::invalid(
            "invalid GenericResources: each is either a NamedResourceSpec or a DiscreteResourceSpec",
        )),
    }
}

/// The proto → the model's.
pub(super) fn told(required: pb::ResourceRequirements) -> api::ResourceRequirements {
    let generic_resources: Vec<_> = required.generic_reservations.into_iter().map(told_generic).collect();
    let kept = required.reservations.or((!generic_resources.is_empty()).then(Default::default));
    api::ResourceRequirements {
        limits: required.limits.map(|limit| api::Limit {
            nano_cpus: limit.nano_cpus,
            memory_bytes: limit.memory_bytes,
            pids: limit.pids,
        }),
        reservations: kept.map(|kept| api::ResourceObject {
            nano_cpus: kept.nano_cpus,
            memory_bytes: kept.memory_bytes,
            generic_resources,
        }),
        swap_bytes: required.swap_bytes,
        memory_swappiness: required.memory_swappiness,
    }
}

/// One thing of a node's, as it is told.
pub(crate) fn told_generic(resource: pb::GenericResource) -> api::GenericResource {
    let pb::GenericResource { kind, value, count } = resource;
    if value.is_empty() {
        let counted = api::DiscreteGenericResource { kind, value: count };
        api::GenericResource { discrete_resource_spec: Some(counted), ..api::GenericResource::default() }
    } else {
        let named = api::NamedGenericResource { kind, value };
        api::GenericResource { named_resource_spec: Some(named), ..api::GenericResource::default() }
    }
}
