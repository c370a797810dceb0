//! The stream that keeps a node's agent at what is due: all of it first, then only differences.

use std::sync::{Arc, Mutex, PoisonError};

use swarm_api::pb;
use swarm_api::pb::assignments_message::Type;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::due::{Due, concerns, difference, parts};
use super::session::Sessions;
use crate::store::{Notice, Store};

/// Where it is noted what a node is told to balance to.
pub(super) struct Told {
    pub(super) sessions: Arc<Mutex<Sessions>>,
    pub(super) node_id: String,
}

impl Told {
    /// The sequence of assignments that are about to be sent. `None`: another stream has taken this one's place.
    fn sends(&self, due: &Due, over: &CancellationToken) -> Option<u64> {
        let backends = due.backends();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        // Streams are ended under this lock.
        (!over.is_cancelled()).then(|| sessions.sends(&self.node_id, backends))
    }
}

/// Streams to the agent of a node what is due on it, until its session is over or nobody listens.
pub(super) async fn stream(
    store: Store,
    told: Told,
    over: CancellationToken,
    out: mpsc::Sender<Result<pb::AssignmentsMessage, Status>>,
) {
    let node_id = &told.node_id;
    let mut subscription = store.subscribe();
    let mut sent = Due::of(&store.view(), node_id);
    let Some(mut sequence) = told.sends(&sent, &over) else { return };
    let changes = difference(&Due::default(), &sent);
    let first = pb::AssignmentsMessage { r#type: Type::Complete.into(), applies_to: 0, sequence, changes };
    if !deliver(&out, first, &over).await {
        return;
    }
    loop {
        let notice = tokio::select! {
            () = over.cancelled() => return,
            () = out.closed() => return,
            notice = subscription.next() => notice,
        };
        let mut matters = false;
        let mut next = Some(notice);
        while let Some(notice) = next {
            matters |= match notice {
                Notice::Changed(change) => change.events.iter().any(|event| concerns(event, node_id)),
                Notice::Rescan => true,
                Notice::Closed => return,
            };
            next = subscription.try_next();
        }
        if !matters {
            continue;
        }
        let due = Due::of(&store.view(), node_id);
        let changes = difference(&sent, &due);
        if changes.is_empty() {
            continue;
        }
        let Some(next) = told.sends(&due, &over) else { return };
        let message = pb::AssignmentsMessage {
            r#type: Type::Incremental.into(),
            applies_to: sequence,
            sequence: next,
            changes,
        };
        sequence = next;
        sent = due;
        if !deliver(&out, message, &over).await {
            return;
        }
    }
}

/// Hands a message over, in as many parts as it takes; false when nobody will read it. An agent that does not read holds up its own stream alone.
async fn deliver(
    out: &mpsc::Sender<Result<pb::AssignmentsMessage, Status>>,
    message: pb::AssignmentsMessage,
    over: &CancellationToken,
) -> bool {
    for part in parts(message) {
        let sent = tokio::select! {
            () = over.cancelled() => false,
            sent = out.send(Ok(part)) => sent.is_ok(),
        };
        if !sent {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action, Publisher, State, Transaction, apply};

    fn put(state: &mut State, publisher: &Publisher, index: u64, task: pb::Task) {
        let events = apply(state, Transaction::one(Action::put(task)), 0, index).unwrap();
        publisher.publish(state, events);
    }

    fn task(id: u64) -> pb::Task {
        let desired_state = pb::TaskState::Running.into();
        pb::Task { id: format!("t{id:05}"), node_id: "n".to_owned(), desired_state, ..Default::default() }
    }

    fn told() -> Told {
        Told { sessions: Arc::default(), node_id: "n".to_owned() }
    }

    #[tokio::test]
    async fn a_slow_agent_misses_nothing_and_holds_nobody_up() {
        const CHANGES: u64 = 2000;
        let (publisher, store) = Publisher::new(State::default());
        let (out, mut messages) = mpsc::channel(1);
        let streaming = tokio::spawn(stream(store, told(), CancellationToken::new(), out));
        let mut state = State::default();
        for index in 1..=CHANGES {
            put(&mut state, &publisher, index, task(index));
            if index % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut last = None;
        let (mut tasks, mut count) = (0, 0);
        while tasks < CHANGES {
            let message = messages.recv().await.unwrap().unwrap();
            match message.r#type() {
                Type::Complete => assert_eq!(last, None, "all of it comes once"),
                Type::Incremental => assert_eq!(last, Some(message.applies_to), "no gap"),
                Type::Part => panic!("nothing here is large"),
            }
            last = Some(message.sequence);
            tasks += u64::try_from(message.changes.len()).unwrap();
            count += 1;
        }
        assert_eq!(tasks, CHANGES, "nothing is told twice");
        assert!(count < 10, "what gathered comes in few messages, not {count}");
        drop(messages);
        streaming.await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_session() {
        let (_publisher, store) = Publisher::new(State::default());
        let over = CancellationToken::new();
        let (out, mut messages) = mpsc::channel(1);
        let streaming = tokio::spawn(stream(store, told(), over.clone(), out));
        assert!(messages.recv().await.is_some());
        over.cancel();
        streaming.await.unwrap();
        assert!(messages.recv().await.is_none());
    }
}
