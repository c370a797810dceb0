//! What a task is to run: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use super::container;
use crate::failure::Failure;

/// The model's → the proto.
pub(super) fn spec(spec: api::TaskSpec) -> Result<pb::TaskSpec, Failure> {
    if !matches!(spec.runtime.as_str(), "" | "container") {
        return Err(Failure::missing(format_args!("TaskTemplate.Runtime {:?}", spec.runtime)));
    }
    let attachment = |network: api::NetworkAttachmentConfig| pb::NetworkAttachmentConfig {
        target: network.target,
        aliases: network.aliases,
        ..pb::NetworkAttachmentConfig::default()
    };
    Ok(pb::TaskSpec {
        container: Some(container::spec(spec.container_spec)?),
        resources: resources(&spec.resources),
        restart: spec.restart_policy.map(restart).transpose()?,
        placement: placement(spec.placement),
        log_driver: spec
            .log_driver
            .map(|driver| pb::LogDriver { name: driver.name, options: driver.options.into_iter().collect() }),
        networks: spec.networks.into_iter().map(attachment).collect(),
        force_update: spec.force_update,
    })
}

fn resources(resources: &api::ResourceRequirements) -> Option<pb::ResourceRequirements> {
    let limits = resources.limits.map(|limit| pb::Resources {
        nano_cpus: limit.nano_cpus,
        memory_bytes: limit.memory_bytes,
        pids: limit.pids,
    });
    let reservations = resources.reservations.map(|kept| pb::Resources {
        nano_cpus: kept.nano_cpus,
        memory_bytes: kept.memory_bytes,
        pids: 0,
    });
    (limits.is_some() || reservations.is_some()).then_some(pb::ResourceRequirements {
        limits,
        reservations,
        ..pb::ResourceRequirements::default()
    })
}

fn restart(policy: api::TaskRestartPolicy) -> Result<pb::RestartPolicy, Failure> {
    let condition = match policy.condition.as_str() {
        "" | "any" => pb::RestartCondition::Any,
        "on-failure" => pb::RestartCondition::OnFailure,
        "none" => pb::RestartCondition::None,
        other => return Err(Failure::invalid(format!("invalid RestartCondition: \"{other}\""))),
    };
    Ok(pb::RestartPolicy {
        condition: condition.into(),
        delay_ns: policy.delay,
        max_attempts: policy.max_attempts.unwrap_or(0),
        window_ns: policy.window.unwrap_or(0),
    })
}

fn placement(placement: api::Placement) -> Option<pb::Placement> {
    let is_empty = placement == api::Placement::default();
    (!is_empty).then_some(pb::Placement {
        constraints: placement.constraints,
        max_replicas: placement.max_replicas,
        ..pb::Placement::default()
    })
}

/// The proto → the model's.
pub(crate) fn told(spec: pb::TaskSpec) -> api::TaskSpec {
    let resources = spec.resources.unwrap_or_default();
    let attachment = |network: pb::NetworkAttachmentConfig| api::NetworkAttachmentConfig {
        target: network.target,
        aliases: network.aliases,
        ..api::NetworkAttachmentConfig::default()
    };
    api::TaskSpec {
        container_spec: container::told(spec.container.unwrap_or_default()),
        resources: api::ResourceRequirements {
            limits: resources.limits.map(|limit| api::Limit {
                nano_cpus: limit.nano_cpus,
                memory_bytes: limit.memory_bytes,
                pids: limit.pids,
            }),
            reservations: resources.reservations.map(|kept| api::ResourceObject {
                nano_cpus: kept.nano_cpus,
                memory_bytes: kept.memory_bytes,
                ..api::ResourceObject::default()
            }),
            ..api::ResourceRequirements::default()
        },
        restart_policy: spec.restart.map(told_restart),
        placement: spec
            .placement
            .map(|placement| api::Placement {
                constraints: placement.constraints,
                max_replicas: placement.max_replicas,
                ..api::Placement::default()
            })
            .unwrap_or_default(),
        force_update: spec.force_update,
        runtime: "container".to_owned(),
        networks: spec.networks.into_iter().map(attachment).collect(),
        log_driver: spec.log_driver.map(|driver| api::LogDriver {
            name: driver.name,
            options: driver.options.into_iter().collect(),
        }),
        ..api::TaskSpec::default()
    }
}

fn told_restart(policy: pb::RestartPolicy) -> api::TaskRestartPolicy {
    let condition = match policy.condition() {
        pb::RestartCondition::Any => "any",
        pb::RestartCondition::OnFailure => "on-failure",
        pb::RestartCondition::None => "none",
    };
    api::TaskRestartPolicy {
        condition: condition.to_owned(),
        delay: policy.delay_ns,
        max_attempts: Some(policy.max_attempts),
        window: (policy.window_ns != 0).then_some(policy.window_ns),
    }
}
