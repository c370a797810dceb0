//! Services: proto ↔ model.

mod container;
mod endpoint;
mod file;
mod mount;
mod placement;
mod privilege;
mod resource;
mod task_spec;
mod told;

pub(crate) use endpoint::port as told_port;
pub(crate) use resource::told_generic;
pub(crate) use task_spec::{log_driver, told as told_task_spec, told_log_driver};
pub(crate) use told::{insert_defaults, service};

use engine_api::swarm as api;
use swarm_api::{default, pb};

use crate::failure::Failure;

/// The wishes for a service, as the managers take them.
pub(crate) fn spec(spec: api::ServiceSpec) -> Result<pb::ServiceSpec, Failure> {
    // Without a mode a service has one replica.
    let replicas = spec.mode.replicated.and_then(|mode| mode.replicas).unwrap_or(1);
    Ok(pb::ServiceSpec {
        annotations: Some(pb::Annotations { name: spec.name, labels: spec.labels.into_iter().collect() }),
        task: Some(task_spec::spec(spec.task_template)?),
        mode: default::replicated(replicas),
        update: spec.update_config.map(update).transpose()?,
        endpoint: spec.endpoint_spec.map(endpoint::spec).transpose()?,
        ..pb::ServiceSpec::default()
    })
}

fn update(config: api::UpdateConfig) -> Result<pb::UpdateConfig, Failure> {
    let failure_action = match config.failure_action.as_str() {
        "" | "pause" => pb::FailureAction::Pause,
        "continue" => pb::FailureAction::Continue,
        "rollback" => pb::FailureAction::Rollback,
        other => return Err(Failure::invalid(format!("unrecognized update failure action {other}"))),
    };
    let order = match config.order.as_str() {
        "" | "stop-first" => pb::UpdateOrder::StopFirst,
        "start-first" => pb::UpdateOrder::StartFirst,
        other => return Err(Failure::invalid(format!("unrecognized update order {other}"))),
    };
    Ok(pb::UpdateConfig {
        parallelism: config.parallelism,
        delay_ns: config.delay,
        failure_action: failure_action.into(),
        monitor_ns: config.monitor,
        max_failure_ratio: config.max_failure_ratio,
        order: order.into(),
    })
}

#[cfg(test)]
mod tests;
