//! A service, as it is told.

use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::pb::service_spec::Mode;
use swarm_api::{default, pb};

use super::super::swarm::version;
use super::{endpoint, task_spec};

/// A service; `counts` only where they were asked for.
pub(crate) fn service(service: pb::Service, counts: Option<pb::ServiceCounts>) -> api::Service {
    let meta = service.meta.unwrap_or_default();
    let update_status = service.update_status.and_then(update_status);
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
            completed_tasks: 0,
        }),
    }
}

/// The wishes for a service.
pub(super) fn spec(spec: pb::ServiceSpec) -> api::ServiceSpec {
    let annotations = spec.annotations.unwrap_or_default();
    api::ServiceSpec {
        name: annotations.name,
        labels: annotations.labels.into_iter().collect(),
        task_template: task_spec::told(spec.task.unwrap_or_default()),
        mode: api::ServiceMode {
            replicated: match spec.mode {
                Some(Mode::Replicated(mode)) => {
                    Some(api::ReplicatedService { replicas: Some(mode.replicas) })
                }
                _ => None,
            },
            ..api::ServiceMode::default()
        },
        update_config: spec.update.map(update),
        endpoint_spec: spec.endpoint.map(endpoint::told),
        ..api::ServiceSpec::default()
    }
}

fn update(config: pb::UpdateConfig) -> api::UpdateConfig {
    let failure_action = match config.failure_action() {
        pb::FailureAction::Pause => "pause",
        pb::FailureAction::Continue => "continue",
        pb::FailureAction::Rollback => "rollback",
    };
    let order = match config.order() {
        pb::UpdateOrder::StopFirst => "stop-first",
        pb::UpdateOrder::StartFirst => "start-first",
    };
    api::UpdateConfig {
        parallelism: config.parallelism,
        delay: config.delay_ns,
        failure_action: failure_action.to_owned(),
        monitor: config.monitor_ns,
        max_failure_ratio: config.max_failure_ratio,
        order: order.to_owned(),
    }
}

fn reached(reached: pb::Endpoint) -> api::ServiceEndpoint {
    api::ServiceEndpoint {
        spec: reached.spec.map(endpoint::told).unwrap_or_default(),
        ports: reached.ports.into_iter().map(endpoint::port).collect(),
        virtual_ips: Vec::new(),
    }
}

fn update_status(status: pb::UpdateStatus) -> Option<api::UpdateStatus> {
    let state = match status.state() {
        pb::UpdateState::None => return None,
        pb::UpdateState::Updating => "updating",
        pb::UpdateState::Paused => "paused",
        pb::UpdateState::Completed => "completed",
        pb::UpdateState::RollbackStarted => "rollback_started",
        pb::UpdateState::RollbackPaused => "rollback_paused",
        pb::UpdateState::RollbackCompleted => "rollback_completed",
    };
    Some(api::UpdateStatus {
        state: state.to_owned(),
        started_at: Timestamp::from_ns_or_never(status.started_at_ns),
        completed_at: Timestamp::from_ns_or_never(status.completed_at_ns),
        message: status.message,
    })
}

/// Fills in what the user did not say, for `insertDefaults`.
pub(crate) fn insert_defaults(spec: &mut pb::ServiceSpec) {
    spec.update = Some(default::update(spec));
    spec.endpoint.get_or_insert_default();
    let Some(task) = spec.task.as_mut() else { return };
    task.restart = Some(default::restart(task));
    if let Some(container) = task.container.as_mut() {
        let grace = default::stop_grace_period(container).as_nanos();
        container.stop_grace_period_ns = Some(i64::try_from(grace).unwrap_or(i64::MAX));
    }
}
