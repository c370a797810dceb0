//! What a task is to run: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use super::{container, placement, resource};
use crate::failure::Failure;

/// The model's → the proto.
pub(super) fn spec(spec: api::TaskSpec) -> Result<pb::TaskSpec, Failure> {
    match spec.runtime.as_str() {
        "" | "container" => {}
        "plugin" => return Err(Failure::missing("TaskTemplate.Runtime \"plugin\"")),
        other => return Err(Failure::invalid(format!("unsupported runtime: {other:?}"))),
    }
    let attachment = |network: api::NetworkAttachmentConfig| pb::NetworkAttachmentConfig {
        target: network.target,
        aliases: network.aliases,
        ..pb::NetworkAttachmentConfig::default()
    };
    Ok(pb::TaskSpec {
        container: Some(container::spec(spec.container_spec)?),
        resources: resource::spec(spec.resources)?,
        restart: spec.restart_policy.map(restart).transpose()?,
        placement: placement::spec(spec.placement)?,
        log_driver: spec.log_driver.map(log_driver),
        networks: spec.networks.into_iter().map(attachment).collect(),
        force_update: spec.force_update,
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

/// The proto → the model's.
pub(crate) fn told(spec: pb::TaskSpec) -> api::TaskSpec {
    let attachment = |network: pb::NetworkAttachmentConfig| api::NetworkAttachmentConfig {
        target: network.target,
        aliases: network.aliases,
        ..api::NetworkAttachmentConfig::default()
    };
    api::TaskSpec {
        container_spec: container::told(spec.container.unwrap_or_default()),
        resources: resource::told(spec.resources.unwrap_or_default()),
        restart_policy: spec.restart.map(told_restart),
        placement: placement::told(spec.placement.unwrap_or_default()),
        force_update: spec.force_update,
        runtime: "container".to_owned(),
        networks: spec.networks.into_iter().map(attachment).collect(),
        log_driver: spec.log_driver.map(told_log_driver),
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

/// Where output goes, as the managers take it.
pub(crate) fn log_driver(driver: api::LogDriver) -> pb::LogDriver {
    pb::LogDriver { name: driver.name, options: driver.options.into_iter().collect() }
}

/// Where output goes, as it is told.
pub(crate) fn told_log_driver(driver: pb::LogDriver) -> api::LogDriver {
    api::LogDriver { name: driver.name, options: driver.options.into_iter().collect() }
}
