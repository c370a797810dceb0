//! Carries statuses to the managers: the newest per task, journalled first, many in one call, and again
//! until acknowledged. What they say is cut to what a message can carry: one that is too long would be refused again and again, and
//! all others of the node with it.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use swarm_api::pb::dispatcher_client::DispatcherClient;
use swarm_api::{pb, status};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::driver::StatusUpdate;
use crate::journal::{Entry, Journal};

/// How long a first status waits for others to travel with it.
const COALESCE: Duration = Duration::from_millis(3);
/// Statuses taken from the queue at once.
const BATCH: usize = 1024;
/// Bytes of statuses in one call; the last may go beyond. A message may be four times as long, and a status is never that much.
const CALL_BYTES: usize = 1 << 20;
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
    // An earlier daemon may have kept longer ones.
    pending.values_mut().for_each(status::bound);
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
        if let Some(mut session) = session {
            while send(&mut session, &mut pending).await {}
        }
    }
}

async fn note(
    journal: &Journal,
    pending: &mut BTreeMap<String, pb::TaskStatus>,
    batch: &mut Vec<StatusUpdate>,
) {
    let mut newest: BTreeMap<String, pb::TaskStatus> =
        batch.drain(..).map(|update| (update.task_id, update.status)).collect();
    newest.values_mut().for_each(status::bound);
    let entries = newest.iter().map(|(id, status)| Entry::Status(id.clone(), status.clone())).collect();
    if let Err(error) = journal.write(entries).await {
        // The managers still hear of it; only a daemon that dies now may tell it twice.
        tracing::error!(%error, "task statuses are not journalled");
    }
    pending.extend(newest);
}

/// Makes one call. Whether it was acknowledged and there is more to send.
async fn send(session: &mut Live, pending: &mut BTreeMap<String, pb::TaskStatus>) -> bool {
    let updates = next_updates(pending);
    if updates.is_empty() {
        return false;
    }
    let sent: Vec<String> = updates.iter().map(|update| update.task_id.clone()).collect();
    let request = pb::UpdateTaskStatusRequest { session_id: session.session_id.clone(), updates };
    match timeout(CALL, session.client.update_task_status(request)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::debug!(%error, "task statuses are not acknowledged");
            return false;
        }
        Err(_) => {
            tracing::debug!("task statuses are not acknowledged in time");
            return false;
        }
    }
    // Nothing was added to `pending` meanwhile: new statuses wait in the queue.
    for id in &sent {
        pending.remove(id);
    }
    !pending.is_empty()
}

/// The statuses that go into the next call. Pure.
fn next_updates(pending: &BTreeMap<String, pb::TaskStatus>) -> Vec<pb::TaskStatusUpdate> {
    let mut updates = Vec::new();
    let mut bytes = 0;
    for (id, status) in pending.iter().take(BATCH) {
        if bytes >= CALL_BYTES {
            break;
        }
        bytes += id.len() + status.encoded_len();
        updates.push(pb::TaskStatusUpdate { task_id: id.clone(), status: Some(status.clone()) });
    }
    updates
}

#[cfg(test)]
mod tests {
    use swarm_api::channel::MAX_MESSAGE_BYTES;

    use super::*;

    #[test]
    fn whatever_is_reported_fits_into_a_message_and_nothing_is_left_behind() {
        let port = pb::PortConfig { name: "p".repeat(1 << 16), ..Default::default() };
        let verbose =
            pb::TaskStatus { err: "e".repeat(8 << 20), ports: vec![port; 1000], ..Default::default() };
        let mut pending: BTreeMap<String, pb::TaskStatus> =
            (0..8).map(|number| (format!("verbose-{number}"), verbose.clone())).collect();
        pending.extend((0..3000).map(|number| (format!("task-{number}"), pb::TaskStatus::default())));
        pending.values_mut().for_each(status::bound);
        while !pending.is_empty() {
            let updates = next_updates(&pending);
            assert!(!updates.is_empty());
            for update in &updates {
                pending.remove(&update.task_id);
            }
            let request = pb::UpdateTaskStatusRequest { session_id: "s".repeat(25), updates };
            assert!(request.encoded_len() < MAX_MESSAGE_BYTES, "{}", request.encoded_len());
        }
    }
}
