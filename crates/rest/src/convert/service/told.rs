//! A service, as it is told.

use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::{default, pb};

use super::super::swarm::version;
use super::{endpoint, mode, rollout, task_spec};

/// A service; `counts` only where they were asked for.
pub(crate) fn service(service: pb::Service, counts: Option<pb::ServiceCounts>) -> api::Service {
    let meta = service.meta.unwrap_or_default();
    let update_status = service.update_status.and_then(rollout::status);
    api::Service {
        id: service.id,
        version: version(&meta),
        created_at: Timestamp::from_ns_or_never(meta.created_at_ns),
        updated_at: Timestamp::from_ns_or_never(meta.updated_at_ns),
        spec: spec(service.spec.unwrap_or_default()),
        previous_spec: service.previous_spec.map(spec),
        endpoint: reached(service.endpoint.unwrap_or_default()),
        update_status,
        service_status: counts.map(|counts| api::ServiceStatus {
            running_tasks: counts.running,
            desired_tasks: counts.desired,
            completed_tasks: counts.completed,
        }),
        job_status: (service.job_iteration != 0).then(|| api::JobStatus {
            job_iteration: run(service.job_iteration),
            last_execution: Timestamp::from_ns_or_never(service.job_started_at_ns),
        }),
    }
}

/// A job's run, as Docker counts them: from zero on.
pub(crate) fn run(job_iteration: u64) -> api::ObjectVersion {
    api::ObjectVersion { index: job_iteration.saturating_sub(1) }
}

/// The wishes for a service.
pub(super) fn spec(spec: pb::ServiceSpec) -> api::ServiceSpec {
    let mode = mode::told(default::mode(&spec));
    let annotations = spec.annotations.unwrap_or_default();
    api::ServiceSpec {
        name: annotations.name,
        labels: annotations.labels.into_iter().collect(),
        task_template: task_spec::told(spec.task.unwrap_or_default()),
        mode,
        update_config: spec.update.map(rollout::told),
        rollback_config: spec.rollback.map(rollout::told),
        shoal: spec.drain_time_ns.map(|drain_time| api::ServiceShoal { drain_time: Some(drain_time) }),
        endpoint_spec: spec.endpoint.map(endpoint::told),
        ..api::ServiceSpec::default()
    }
}

fn reached(reached: pb::Endpoint) -> api::ServiceEndpoint {
    api::ServiceEndpoint {
        spec: reached.spec.map(endpoint::told).unwrap_or_default(),
        ports: reached.ports.into_iter().map(endpoint::port).collect(),
        virtual_ips: Vec::new(),
    }
}

/// Fills in what the user did not say, for `insertDefaults`.
pub(crate) fn insert_defaults(spec: &mut pb::ServiceSpec) {
    if !default::is_job(spec) {
        spec.update = Some(default::update(spec));
        spec.rollback = Some(default::rollback(spec));
    }
    spec.endpoint.get_or_insert_default();
    let Some(task) = spec.task.as_mut() else { return };
    task.restart = Some(default::restart(task));
    if let Some(container) = task.container.as_mut() {
        let grace = default::stop_grace_period(container).as_nanos();
        container.stop_grace_period_ns = Some(i64::try_from(grace).unwrap_or(i64::MAX));
    }
}
