//! How a task goes that something is balanced to: it leaves every load balancer first, is let finish what it has begun, and
//! is told to stop only then.
//!
//! Its desired state is LEAVING meanwhile, in which it is no balancer's backend any more (the dispatcher's doing, which also
//! notes when the last node has acknowledged that). What is balanced to by nobody is told to stop at once.

use std::time::Duration;

use swarm_api::default::{self, nanos};
use swarm_api::pb::{self, PublishMode, TaskState};

use super::draft::Draft;
use crate::node::may_run;
use crate::store::View;
use crate::task::{Place, is_over, state};

/// How long all balancers together may take to leave a task out: a node that is silent is down long before, but one that
/// answers and cannot do it must not keep the task running for ever.
pub(super) const LEAVE_AT_MOST: Duration = Duration::from_secs(60);

/// How long a task of this service that was balanced to runs on when it no longer is, in nanoseconds.
pub(super) fn drain_time_ns(service: &pb::Service) -> i64 {
    let said = service.spec.as_ref().and_then(|spec| spec.drain_time_ns);
    said.unwrap_or_else(|| nanos(default::DRAIN_TIME))
}

/// Whether the task has to leave before it may be told to stop: it runs within reach, and something is balanced to it, or its
/// service asks for a time to drain in any case.
pub(super) fn is_needed(view: &View, service: &pb::Service, task: &pb::Task) -> bool {
    let is_asked = service.spec.as_ref().is_some_and(|spec| spec.drain_time_ns.is_some_and(|ns| ns > 0));
    state(task) == TaskState::Running && may_run(view, task) && (is_asked || is_balanced(task))
}

/// Tells those tasks of the place to stop that have left, and have had their time since this manager leads.
pub(super) fn go_on(draft: &mut Draft<'_>, place: &Place, leads_since_ns: i64) {
    let Some(slot) = draft.slots.get(place) else { return };
    let (view, now_ns, drain_ns) = (draft.view, draft.now_ns, drain_time_ns(draft.service));
    // A time to come is that of a clock which was set back.
    let begin_ns = if leads_since_ns <= now_ns { leads_since_ns } else { 0 };
    let leaving = slot.tasks.iter().filter(|task| task.desired_state() == TaskState::Leaving);
    let due: Vec<(String, i64)> =
        leaving.map(|task| (task.id.clone(), due_ns(view, task, drain_ns, begin_ns))).collect();
    for (id, due_ns) in due {
        if due_ns <= now_ns {
            draft.end_leaving(place, &id);
        } else {
            draft.wake_at(due_ns);
        }
    }
}

/// When the task may be told to stop, as far as is known. A balancer that is none of the swarm's asks the managers, who answered
/// nothing while nobody led: what was noted before `begin_ns` counts from then.
fn due_ns(view: &View, task: &pb::Task, drain_ns: i64, begin_ns: i64) -> i64 {
    let since_ns = task.leaving.as_ref().map_or(0, |leaving| leaving.since_ns);
    match task.left_at_ns {
        // Nobody is served by it any more, or nobody can stop it.
        _ if is_over(task) || !may_run(view, task) => 0,
        0 => since_ns.saturating_add(nanos(LEAVE_AT_MOST)),
        left_at_ns => left_at_ns.max(begin_ns).saturating_add(drain_ns),
    }
}

fn is_balanced(task: &pb::Task) -> bool {
    task.endpoint.as_ref().is_some_and(|endpoint| {
        let is_ingress = |port: &pb::PortConfig| port.publish_mode() == PublishMode::Ingress;
        endpoint.ports.iter().any(is_ingress) || !endpoint.virtual_ips.is_empty()
    })
}
