//! Rolls a changed spec out over the places, a few at a time, keeps the service's update status, and goes back to the spec
//! before when what is new fails and the service asks for that.
//!
//! An update begins when a live task is of an older spec, and ends when all are new and were watched for a while; until then
//! failures of tasks that it made count ([`failure`]). A change of the spec by a user ends it, whatever its state, and
//! another may begin. A global service's task on a paused node is left alone, since none could come in its place; an update of
//! its own follows when the node is active again.

mod failure;
mod rollout;
mod status;

use swarm_api::default;
use swarm_api::pb::{self, FailureAction, UpdateState};

use self::failure::Failures;
use super::draft::Draft;
use crate::reconcile::Planned;
use crate::store::Action;

/// The next steps of the service's update, if it has one.
pub(super) fn plan(draft: &mut Draft<'_>, planned: &mut Planned) {
    let service = draft.service;
    let spec = service.spec.clone().unwrap_or_default();
    let status = service.update_status.clone().unwrap_or_default();
    let next = match status.state() {
        UpdateState::Paused | UpdateState::RollbackPaused => None,
        UpdateState::Completed | UpdateState::RollbackCompleted => {
            rollout::is_any_untried(draft).then(|| begin(draft, &spec))
        }
        UpdateState::None => rollout::is_any_stale(draft).then(|| begin(draft, &spec)),
        UpdateState::Updating => go_on(draft, &default::update(&spec), status),
        UpdateState::RollbackStarted => go_on(draft, &default::rollback(&spec), status),
    };
    planned.actions.extend(next.map(Action::put));
}

/// Takes the first steps of an update.
fn begin(draft: &mut Draft<'_>, spec: &pb::ServiceSpec) -> pb::Service {
    rollout::roll(draft, &default::update(spec), &Failures::none());
    with_status(draft.service, status::began(draft.now_ns))
}

/// Judges what has failed so far and goes on, if it may. The service, if that changes it.
fn go_on(draft: &mut Draft<'_>, config: &pb::UpdateConfig, status: pb::UpdateStatus) -> Option<pb::Service> {
    let failures = Failures::of(draft, config.monitor_ns, status.started_at_ns);
    let rolls_back = status.state() == UpdateState::Updating;
    if let Some(task_id) = failures.beyond(config.max_failure_ratio) {
        match config.failure_action() {
            FailureAction::Continue => {}
            FailureAction::Rollback if rolls_back && draft.service.previous_spec.is_some() => {
                return Some(rolled_back(draft, task_id));
            }
            // What has failed on the way back does not go back again.
            FailureAction::Pause | FailureAction::Rollback => {
                return Some(with_status(draft.service, status::paused(status, task_id)));
            }
        }
    }
    let is_done = rollout::roll(draft, config, &failures);
    is_done.then(|| with_status(draft.service, status::completed(status, draft.now_ns)))
}

/// The service with the spec before, and with what its image was pulled with then. There is no way back from here.
fn rolled_back(draft: &Draft<'_>, task_id: &str) -> pb::Service {
    let mut service = with_status(draft.service, status::rolled_back(draft.now_ns, task_id));
    service.spec = service.previous_spec.take();
    service.registry_auth = service.previous_registry_auth.take();
    service
}

fn with_status(service: &pb::Service, status: pb::UpdateStatus) -> pb::Service {
    pb::Service { update_status: Some(status), ..service.clone() }
}
