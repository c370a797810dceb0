//! Tests of a dispatcher at work, on a store in memory: agents that are healthy, silent, slow or hostile, and a clock that is
//! set.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use swarm_api::id::NodeId;
use swarm_api::pb::assignments_message::Type;
use swarm_api::pb::dispatcher_server::Dispatcher as _;
use swarm_api::pb::{self, NodeState, TaskState};
use swarm_api::tls::Peer;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};

use super::{Dispatcher, DispatcherConfig};
use crate::clock::{Clock, Shift};
use crate::leader::Handles;
use crate::store::{Action, Transaction, in_memory};

const LOSS: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(20);
const HOUR_NS: i64 = 3_600_000_000_000;

/// A dispatcher that serves, and one node of its swarm.
struct Bed {
    dispatcher: Dispatcher,
    handles: Handles,
    node_id: NodeId,
    shift: Shift,
    stop: CancellationToken,
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn bed() -> Bed {
    let (clock, shift) = Clock::shifted();
    let (store, proposer) = in_memory(clock.clone());
    let handles = Handles { store, proposer, clock };
    let config = DispatcherConfig {
        period: Some(LOSS / 4),
        loss: Some(LOSS),
        goodbye_grace: Some(LOSS * 4),
        ..DispatcherConfig::default()
    };
    let dispatcher = Dispatcher::new(handles.clone(), config);
    let node_id = NodeId::random();
    let node = pb::Node { id: node_id.to_string(), ..Default::default() };
    handles.proposer.propose(Transaction::one(Action::put(node))).await.unwrap();
    let stop = CancellationToken::new();
    let (serving, until) = (dispatcher.clone(), stop.clone());
    tokio::spawn(async move { serving.run(BTreeMap::new, until).await });
    let bed = Bed { dispatcher, handles, node_id, shift, stop };
    bed.eventually("it serves", |bed| bed.dispatcher.term().is_ok()).await;
    bed
}

impl Bed {
    /// A request as the node's agent makes it.
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(Peer::Local { node_id: self.node_id.clone() });
        request
    }

    /// Opens a session; its id. The stream of its messages is read by nobody.
    async fn open(&self) -> Result<String, tonic::Status> {
        let opened = self.dispatcher.session(self.request(pb::SessionRequest::default())).await;
        let first = opened?.into_inner().next().await.unwrap()?;
        Ok(first.session_id)
    }

    async fn beat(&self, session_id: &str) -> Result<(), Code> {
        let request = pb::HeartbeatRequest { session_id: session_id.to_owned(), ..Default::default() };
        self.dispatcher.heartbeat(self.request(request)).await.map(|_| ()).map_err(|status| status.code())
    }

    fn state(&self) -> NodeState {
        self.handles
            .store
            .view()
            .node(self.node_id.as_ref())
            .map_or(NodeState::Unknown, |node| crate::node::state(node))
    }

    async fn eventually(&self, what: &str, reached: impl Fn(&Bed) -> bool) {
        let begun = Instant::now();
        while !reached(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Beats for so long, and looks on that the node stays ready.
    async fn stays_ready(&self, session_id: &str, duration: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < duration {
            self.beat(session_id).await.unwrap();
            assert_eq!(self.state(), NodeState::Ready);
            tokio::time::sleep(LOSS / 16).await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_takes_nobody_for_lost_and_hides_nobody() {
    let bed = bed().await;
    let session = bed.open().await.unwrap();
    bed.stays_ready(&session, LOSS).await;
    for by_ns in [HOUR_NS, -2 * HOUR_NS, HOUR_NS / 2] {
        bed.shift.set(by_ns);
        bed.stays_ready(&session, LOSS * 2).await;
    }
    let silent = Instant::now();
    // Set back while it is silent: it must not be waited for another hour.
    bed.shift.set(-HOUR_NS);
    bed.eventually("it is down", |bed| bed.state() == NodeState::Down).await;
    assert!(silent.elapsed() >= LOSS / 2, "not at once either");
}

#[tokio::test]
async fn a_farewell_is_waited_for_and_a_return_is_no_loss() {
    let bed = bed().await;
    let session = bed.open().await.unwrap();
    let farewell = pb::GoodbyeRequest { session_id: session.clone(), leaves: false };
    bed.dispatcher.goodbye(bed.request(farewell)).await.unwrap();
    let left = Instant::now();
    assert_eq!(bed.beat(&session).await, Err(Code::NotFound));
    bed.eventually("a silent node would be down", |bed| {
        assert_eq!(bed.state(), NodeState::Disconnected);
        left.elapsed() > LOSS * 2
    })
    .await;
    bed.open().await.unwrap();
    assert_eq!(bed.state(), NodeState::Ready);
}

#[tokio::test]
async fn who_leaves_is_down_at_once() {
    let bed = bed().await;
    let session = bed.open().await.unwrap();
    let farewell = pb::GoodbyeRequest { session_id: session.clone(), leaves: true };
    bed.dispatcher.goodbye(bed.request(farewell)).await.unwrap();
    assert_eq!(bed.state(), NodeState::Down);
    assert_eq!(bed.beat(&session).await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_thousand_sessions_leave_one_and_a_thousand_streams_too() {
    let bed = bed().await;
    let mut last = bed.open().await.unwrap();
    let mut refused = 0;
    for _ in 0..1000 {
        match bed.open().await {
            Ok(session) => last = session,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                refused += 1;
            }
        }
    }
    assert!(refused > 900, "{refused}");
    bed.beat(&last).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..1000 {
        let request = pb::AssignmentsRequest { session_id: last.clone() };
        streams.push(bed.dispatcher.assignments(bed.request(request)).await.unwrap().into_inner());
    }
    let mut newest = streams.pop().unwrap();
    for mut stream in streams {
        // What an old stream held is read, and then it ends.
        while stream.next().await.is_some() {}
    }
    assert_eq!(newest.next().await.unwrap().unwrap().r#type(), Type::Complete);
    assert_eq!(bed.state(), NodeState::Ready);
}

#[tokio::test]
async fn one_report_at_a_time_and_none_for_other_nodes_tasks() {
    let bed = bed().await;
    let session = bed.open().await.unwrap();
    let task = |id: &str, node_id: String| pb::Task { id: id.to_owned(), node_id, ..Default::default() };
    let mut transaction = Transaction::default();
    transaction.put(task("own", bed.node_id.to_string())).put(task("foreign", "m".to_owned()));
    bed.handles.proposer.propose(transaction).await.unwrap();
    let report = || {
        let status = pb::TaskStatus { state: TaskState::Running.into(), ..Default::default() };
        let update = |id: &str| pb::TaskStatusUpdate { task_id: id.to_owned(), status: Some(status.clone()) };
        let updates = vec![update("own"), update("foreign"), update("nowhere")];
        bed.request(pb::UpdateTaskStatusRequest { session_id: session.clone(), updates })
    };
    let all =
        futures_util::future::join_all((0..50).map(|_| bed.dispatcher.update_task_status(report()))).await;
    let codes: Vec<_> =
        all.into_iter().map(|answer| answer.map(|_| ()).map_err(|status| status.code())).collect();
    assert!(codes.contains(&Ok(())) && codes.contains(&Err(Code::ResourceExhausted)), "{codes:?}");
    let view = bed.handles.store.view();
    let state = |id: &str| view.task(id).map(|task| crate::task::state(task));
    assert_eq!(state("own"), Some(TaskState::Running));
    assert_ne!(state("foreign"), Some(TaskState::Running));
}

#[tokio::test]
async fn who_says_too_much_of_itself_is_refused() {
    let bed = bed().await;
    let description = pb::NodeDescription { hostname: "x".repeat(1 << 20), ..Default::default() };
    let request = pb::SessionRequest { description: Some(description), ..Default::default() };
    let status = bed.dispatcher.session(bed.request(request)).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(bed.state(), NodeState::Unknown);

    let session_id = bed.open().await.unwrap();
    let lines = vec![pb::LogLine::default(); 5000];
    let request = pb::PublishLogsRequest { session_id, lines, ..Default::default() };
    let status = bed.dispatcher.publish_logs(bed.request(request)).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
}
