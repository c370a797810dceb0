//! How tasks are replaced: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

/// The model's → the proto, of an update.
pub(super) fn update(config: api::UpdateConfig) -> Result<pb::UpdateConfig, Failure> {
    let action = match config.failure_action.as_str() {
        "" | "pause" => pb::FailureAction::Pause,
        "continue" => pb::FailureAction::Continue,
        "rollback" => pb::FailureAction::Rollback,
        other => return Err(Failure::invalid(format!("unrecognized update failure action {other}"))),
    };
    spec(config, action)
}

/// The model's → the proto, of a rollback: what fails on the way back does not go back again.
pub(super) fn rollback(config: api::UpdateConfig) -> Result<pb::UpdateConfig, Failure> {
    let action = match config.failure_action.as_str() {
        "" | "pause" => pb::FailureAction::Pause,
        "continue" => pb::FailureAction::Continue,
        other => return Err(Failure::invalid(format!("unrecognized rollback failure action {other}"))),
    };
    spec(config, action)
}

fn spec(config: api::UpdateConfig, action: pb::FailureAction) -> Result<pb::UpdateConfig, Failure> {
    let order = match config.order.as_str() {
        "" | "stop-first" => pb::UpdateOrder::StopFirst,
        "start-first" => pb::UpdateOrder::StartFirst,
        other => return Err(Failure::invalid(format!("unrecognized update order {other}"))),
    };
    Ok(pb::UpdateConfig {
        parallelism: config.parallelism,
        delay_ns: config.delay,
        failure_action: action.into(),
        monitor_ns: config.monitor,
        max_failure_ratio: config.max_failure_ratio,
        order: order.into(),
    })
}

/// The proto → the model's.
pub(super) fn told(config: pb::UpdateConfig) -> api::UpdateConfig {
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

/// How an update goes, if there is one.
pub(super) fn status(status: pb::UpdateStatus) -> Option<api::UpdateStatus> {
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
        started_at: api_time(status.started_at_ns),
        completed_at: api_time(status.completed_at_ns),
        message: status.message,
    })
}

fn api_time(ns: i64) -> engine_api::Timestamp {
    engine_api::Timestamp::from_ns_or_never(ns)
}
