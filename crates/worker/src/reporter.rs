//! Carries statuses to the managers: the newest per task, journalled first, many in one call, and again
//! until acknowledged.

use std::collections::BTreeMap;
use std::time::Duration;

use swarm_api::pb;
use swarm_api::pb::dispatcher_client::DispatcherClient;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::driver::StatusUpdate;
use crate::journal::{Entry, Journal};

/// How long a first status waits for others to travel with it.
const COALESCE: Duration = Duration::from_millis(3);
/// Statuses taken from the queue at once.
const BATCH: usize = 1024;
/// Wait before an unacknowledged call is made again.
const RESEND: Duration = Duration::from_millis(500);
/// Bound of one call.
const CALL: Duration = Duration::from_secs(5);

/// A session that statuses can be sent over.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) client: DispatcherClient<Channel>,
    pub(crate) session_id: String,
}

/// Runs until the sender of `updates` is gone. `pending`: statuses of an earlier life of the daemon, which
/// the managers may not have.
pub(crate) async fn report(
    journal: Journal,
    mut updates: mpsc::Receiver<StatusUpdate>,
    mut live: watch::Receiver<Option<Live>>,
    mut pending: BTreeMap<String, pb::TaskStatus>,
) {
    let mut batch = Vec::new();
    loop {
        let waiting = !pending.is_empty() && live.borrow().is_some();
        tokio::select! {
            taken = updates.recv_many(&mut batch, BATCH) => {
                if taken == 0 {
                    return;
                }
                tokio::time::sleep(COALESCE).await;
                while batch.len() < BATCH {
                    let Ok(update) = updates.try_recv() else { break };
                    batch.push(update);
                }
                note(&journal, &mut pending, &mut batch).await;
            }
            changed = live.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(RESEND), if waiting => {}
        }
        let session = live.borrow_and_update().clone();
        if let Some(session) = session {
            send(session, &mut pending).await;
        }
    }
}

async fn note(
    journal: &Journal,
    pending: &mut BTreeMap<String, pb::TaskStatus>,
    batch: &mut Vec<StatusUpdate>,
) {
    let newest: BTreeMap<String, pb::TaskStatus> =
        batch.drain(..).map(|update| (update.task_id, update.status)).collect();
    let entries = newest.iter().map(|(id, status)| Entry::Status(id.clone(), status.clone())).collect();
    if let Err(error) = journal.write(entries).await {
        // The managers still hear of it; only a daemon that dies now may tell it twice.
        tracing::error!(%error, "task statuses are not journalled");
    }
    pending.extend(newest);
}

async fn send(mut session: Live, pending: &mut BTreeMap<String, pb::TaskStatus>) {
    if pending.is_empty() {
        return;
    }
    let updates = pending
        .iter()
        .take(BATCH)
        .map(|(id, status)| pb::TaskStatusUpdate { task_id: id.clone(), status: Some(status.clone()) })
        .collect::<Vec<_>>();
    let sent: Vec<String> = updates.iter().map(|update| update.task_id.clone()).collect();
    let request = pb::UpdateTaskStatusRequest { session_id: session.session_id, updates };
    match timeout(CALL, session.client.update_task_status(request)).await {
        // Nothing was added to `pending` meanwhile: new statuses wait in the queue.
        Ok(Ok(_)) => sent.iter().for_each(|id| {
            pending.remove(id);
        }),
        Ok(Err(error)) => tracing::debug!(%error, "task statuses are not acknowledged"),
        Err(_) => tracing::debug!("task statuses are not acknowledged in time"),
    }
}
