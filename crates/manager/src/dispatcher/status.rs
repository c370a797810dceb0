//! Commits what agents report: everything that waits in one transaction, backwards moves dropped, and
//! acknowledged only when committed.

use std::collections::BTreeMap;

use swarm_api::pb::{self, TaskState};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::leader::Handles;
use crate::reconcile::{ReconcileError, commit};
use crate::store::{Action, ProposeError, View};
use crate::task;

/// Reports taken into one commit.
const BATCH: usize = 256;
/// How often a commit is planned anew when the tasks were changed meanwhile.
const ATTEMPTS: u32 = 16;
/// Longest text of a status that is stored, in bytes.
const TEXT_BYTES: usize = 4096;

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
        let actions = accepted(&handles.store.view(), newest);
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
        if status.state >= known.state {
            *known = status;
        }
    }
}

/// The tasks that move forward by what their own node says. Pure.
fn accepted(view: &View, newest: &Newest) -> Vec<Action> {
    let moved = newest.iter().filter_map(|((node_id, task_id), status)| {
        let known = view.task(task_id).filter(|task| task.node_id == *node_id)?;
        if !is_for_workers(status.state()) || !moves(known, status) {
            return None;
        }
        let mut task = pb::Task::clone(known);
        let mut status = status.clone();
        shorten(&mut status.message);
        shorten(&mut status.err);
        task.status = Some(status);
        Some(Action::put(task))
    });
    moved.collect()
}

fn moves(task: &pb::Task, status: &pb::TaskStatus) -> bool {
    let known = task::state(task);
    status.state() > known || (status.state() == known && task.status.as_ref() != Some(status))
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
        | TaskState::Remove
        | TaskState::Orphaned => false,
    }
}

fn shorten(text: &mut String) {
    if text.len() > TEXT_BYTES {
        let end = (0..=TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
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
        !accepted(&view(known), &newest).is_empty()
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
    fn the_furthest_of_several_statuses_counts() {
        let mut newest = Newest::new();
        let update = |state| pb::TaskStatusUpdate { task_id: "t".into(), status: Some(status(state)) };
        merge(&mut newest, "n", vec![update(TaskState::Running), update(TaskState::Ready)]);
        assert_eq!(newest.values().next().unwrap().state(), TaskState::Running);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut text = "é".repeat(TEXT_BYTES);
        shorten(&mut text);
        assert!(text.len() <= TEXT_BYTES && text.chars().all(|c| c == 'é'));
    }
}
