//! Commits what agents report: everything that waits in one transaction, backwards moves dropped, and
//! acknowledged only when committed.

use std::collections::BTreeMap;

use swarm_api::pb::{self, TaskState};
use swarm_api::progress::progress;
use swarm_api::status;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::leader::Handles;
use crate::reconcile::{ReconcileError, commit};
use crate::store::{Action, ProposeError, View};
use crate::task::with_status;

/// Reports taken into one commit.
const BATCH: usize = 256;
/// How often a commit is planned anew when the tasks were changed meanwhile.
const ATTEMPTS: u32 = 16;

/// What one agent reports, and where the outcome goes.
pub(super) struct Report {
    pub(super) node_id: String,
    pub(super) updates: Vec<pb::TaskStatusUpdate>,
    pub(super) reply: oneshot::Sender<Result<(), ProposeError>>,
}

/// The newest status by node and task.
type Newest = BTreeMap<(String, String), pb::TaskStatus>;

/// Commits reports until `stop`. While one commit is on its way the next gathers, so that many cost as few.
pub(super) async fn commit_reports(
    handles: &Handles,
    mut queue: mpsc::Receiver<Report>,
    stop: CancellationToken,
) -> Result<(), ReconcileError> {
    let mut reports = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = queue.recv_many(&mut reports, BATCH) => {}
        }
        let mut newest = Newest::new();
        let mut replies = Vec::with_capacity(reports.len());
        for report in reports.drain(..) {
            merge(&mut newest, &report.node_id, report.updates);
            replies.push(report.reply);
        }
        let outcome = commit_newest(handles, &newest).await;
        for reply in replies {
            // An agent that has gone reports again.
            let _ = reply.send(outcome.clone());
        }
        match outcome {
            Ok(()) => {}
            Err(error) if error.is_stale() => {
                tracing::warn!(%error, "task statuses wait for the next report")
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn commit_newest(handles: &Handles, newest: &Newest) -> Result<(), ProposeError> {
    let mut attempt = 1;
    loop {
        let actions = accepted(&handles.store.view(), newest, handles.clock.now_ns());
        match commit(handles, actions).await {
            Err(error) if error.is_stale() && attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

fn merge(newest: &mut Newest, node_id: &str, updates: Vec<pb::TaskStatusUpdate>) {
    for update in updates {
        let Some(status) = update.status else { continue };
        let known = newest.entry((node_id.to_owned(), update.task_id)).or_default();
        if progress(&status) >= progress(known) {
            *known = status;
        }
    }
}

/// The tasks that move forward by what their own node says. Pure.
fn accepted(view: &View, newest: &Newest, now_ns: i64) -> Vec<Action> {
    let moved = newest.iter().filter_map(|((node_id, task_id), status)| {
        let known = view.task(task_id).filter(|task| task.node_id == *node_id)?;
        if !is_for_workers(status.state()) || !moves(known, status) {
            return None;
        }
        let mut status = status.clone();
        status::bound(&mut status);
        Some(Action::put(with_status(known, status, now_ns)))
    });
    moved.collect()
}

/// Whether the status is news. A later attempt is, even of a task that was seen to end: its node ran it again while it could
/// ask nobody. Where a replacement was made meanwhile, the desired state stops it; what was given up for good stays so.
fn moves(task: &pb::Task, status: &pb::TaskStatus) -> bool {
    let Some(known) = &task.status else { return true };
    let (new, old) = (progress(status), progress(known));
    known.state() != TaskState::Orphaned && (new > old || (new == old && known != status))
}

/// The states that a worker may say.
fn is_for_workers(state: TaskState) -> bool {
    match state {
        TaskState::Accepted
        | TaskState::Preparing
        | TaskState::Ready
        | TaskState::Starting
        | TaskState::Running
        | TaskState::Complete
        | TaskState::Shutdown
        | TaskState::Failed
        | TaskState::Rejected => true,
        TaskState::New
        | TaskState::Pending
        | TaskState::Assigned
        | TaskState::Leaving
        | TaskState::Remove
        | TaskState::Orphaned => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{State, Transaction, apply};

    fn status(state: TaskState) -> pb::TaskStatus {
        pb::TaskStatus { state: state.into(), ..Default::default() }
    }

    fn view(state: TaskState) -> View {
        let task = pb::Task {
            id: "t".into(),
            node_id: "n".into(),
            status: Some(status(state)),
            ..Default::default()
        };
        let mut store = State::default();
        apply(&mut store, Transaction::one(Action::put(task)), 0, 1).unwrap();
        View::from(store)
    }

    fn is_accepted(known: TaskState, node_id: &str, said: TaskState) -> bool {
        let mut newest = Newest::new();
        let update = pb::TaskStatusUpdate { task_id: "t".into(), status: Some(status(said)) };
        merge(&mut newest, node_id, vec![update]);
        !accepted(&view(known), &newest, 1).is_empty()
    }

    #[test]
    fn statuses_only_move_forward_and_only_by_their_own_node() {
        assert!(is_accepted(TaskState::Assigned, "n", TaskState::Running));
        assert!(!is_accepted(TaskState::Running, "n", TaskState::Starting), "backwards");
        assert!(!is_accepted(TaskState::Running, "n", TaskState::Running), "nothing new");
        assert!(!is_accepted(TaskState::Assigned, "other", TaskState::Running), "another node's task");
        assert!(!is_accepted(TaskState::Orphaned, "n", TaskState::Running), "given up");
        assert!(!is_accepted(TaskState::Assigned, "n", TaskState::Orphaned), "not a worker's to say");
    }

    #[test]
    fn a_later_attempt_is_accepted_after_an_end_but_not_of_what_was_given_up() {
        let said = |known: TaskState, attempt: u64, state: TaskState| {
            let mut newest = Newest::new();
            let status = pb::TaskStatus { attempt, ..status(state) };
            let update = pb::TaskStatusUpdate { task_id: "t".into(), status: Some(status) };
            merge(&mut newest, "n", vec![update]);
            let action = accepted(&view(known), &newest, 1).pop()?;
            match action {
                Action::Put(crate::store::Object::Task(task)) => task.status.as_ref().map(progress),
                other => panic!("{other:?}"),
            }
        };
        let running = Some((1, TaskState::Running.into()));
        assert_eq!(said(TaskState::Running, 1, TaskState::Running), running, "its end was never told");
        assert_eq!(said(TaskState::Failed, 1, TaskState::Running), running, "its end was told");
        assert_eq!(
            said(TaskState::Complete, 2, TaskState::Preparing),
            Some((2, TaskState::Preparing.into()))
        );
        assert_eq!(said(TaskState::Orphaned, 1, TaskState::Running), None);
    }

    #[test]
    fn it_is_noted_since_when_a_task_runs_and_when_it_ended() {
        let said = |task: &pb::Task, attempt, state: TaskState, now_ns| {
            with_status(task, pb::TaskStatus { attempt, ..status(state) }, now_ns)
        };
        let task = said(&pb::Task::default(), 0, TaskState::Running, 5);
        let task = said(&task, 0, TaskState::Running, 6);
        assert_eq!((task.running_since_ns, task.ended_at_ns), (5, 0));
        let task = said(&task, 0, TaskState::Failed, 7);
        assert_eq!((task.running_since_ns, task.ended_at_ns), (5, 7));
        let task = said(&task, 1, TaskState::Starting, 8);
        assert_eq!((task.running_since_ns, task.ended_at_ns), (0, 0), "it is run again");
        let task = said(&task, 1, TaskState::Rejected, 9);
        assert_eq!((task.running_since_ns, task.ended_at_ns), (0, 9), "it never ran");
    }

    #[test]
    fn the_furthest_of_several_statuses_counts() {
        let mut newest = Newest::new();
        let update = |state| pb::TaskStatusUpdate { task_id: "t".into(), status: Some(status(state)) };
        merge(&mut newest, "n", vec![update(TaskState::Running), update(TaskState::Ready)]);
        assert_eq!(newest.values().next().unwrap().state(), TaskState::Running);
    }

    #[test]
    fn a_long_text_is_not_stored_whole() {
        let mut newest = Newest::new();
        let status = pb::TaskStatus { err: "x".repeat(1 << 20), ..status(TaskState::Failed) };
        let update = pb::TaskStatusUpdate { task_id: "t".into(), status: Some(status) };
        merge(&mut newest, "n", vec![update]);
        let Some(Action::Put(crate::store::Object::Task(task))) =
            accepted(&view(TaskState::Running), &newest, 1).pop()
        else {
            panic!("it is news");
        };
        assert_eq!(task.status.as_ref().map(|status| status.err.len()), Some(status::TEXT_BYTES));
    }
}
