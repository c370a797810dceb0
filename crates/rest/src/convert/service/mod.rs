//! Services: proto ↔ model.

mod container;
mod endpoint;
mod extras;
mod file;
mod mode;
mod mount;
mod placement;
mod privilege;
mod resource;
mod rollout;
mod task_spec;
mod told;

pub(crate) use endpoint::port as told_port;
pub(crate) use mode::word as mode_word;
pub(crate) use resource::told_generic;
pub(crate) use task_spec::{log_driver, told as told_task_spec, told_log_driver};
pub(crate) use told::{insert_defaults, run, service};

use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

/// The wishes for a service, as the managers take them.
pub(crate) fn spec(mut spec: api::ServiceSpec) -> Result<pb::ServiceSpec, Failure> {
    if spec.task_template.networks.is_empty() {
        spec.task_template.networks = std::mem::take(&mut spec.networks);
    }
    Ok(pb::ServiceSpec {
        annotations: Some(pb::Annotations { name: spec.name, labels: spec.labels.into_iter().collect() }),
        task: Some(task_spec::spec(spec.task_template)?),
        mode: Some(mode::spec(spec.mode)?),
        update: spec.update_config.map(rollout::update).transpose()?,
        rollback: spec.rollback_config.map(rollout::rollback).transpose()?,
        endpoint: spec.endpoint_spec.map(endpoint::spec).transpose()?,
        drain_time_ns: spec.shoal.and_then(|shoal| shoal.drain_time),
    })
}

#[cfg(test)]
mod tests;
