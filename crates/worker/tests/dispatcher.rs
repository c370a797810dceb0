//! An agent and dispatchers that are not perfect: a message is missing, an answer is lost.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::{Stream, StreamExt, stream};
use swarm_api::channel;
use swarm_api::id::NodeId;
use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignments_message::Type;
use swarm_api::pb::dispatcher_server::{Dispatcher, DispatcherServer};
use swarm_api::pb::{self, TaskState};
use swarm_api::tls::Peer;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use worker::agent::ALONE_AFTER;
use worker::fake::FakeExecutor;
use worker::{Agent, AgentConfig, Connect, Farewell};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the dispatcher saw.
#[derive(Default)]
struct Seen {
    sessions: AtomicU64,
    streams: AtomicU64,
    reports: AtomicU64,
    statuses: Mutex<Vec<pb::TaskStatusUpdate>>,
    /// Farewells for good.
    left: AtomicU64,
}

/// Leaves out a message of its first stream, and loses its first answer to a report.
struct Careless(Arc<Seen>);

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Dispatcher for Careless {
    type SessionStream = Out<pb::SessionMessage>;
    type LogRequestsStream = Out<pb::LogRequest>;
    type AssignmentsStream = Out<pb::AssignmentsMessage>;

    async fn session(&self, _: Request<pb::SessionRequest>) -> Result<Response<Self::SessionStream>, Status> {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        let first = pb::SessionMessage { session_id: "s".to_owned(), ..Default::default() };
        Ok(Response::new(Box::pin(stream::iter([Ok(first)]).chain(stream::pending()))))
    }

    async fn heartbeat(
        &self,
        _: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatResponse>, Status> {
        Ok(Response::new(pb::HeartbeatResponse { period_ns: 50_000_000 }))
    }

    async fn assignments(
        &self,
        _: Request<pb::AssignmentsRequest>,
    ) -> Result<Response<Self::AssignmentsStream>, Status> {
        let messages = match self.0.streams.fetch_add(1, Ordering::Relaxed) {
            // The message from 1 to 2 is missing, and with it the task b.
            0 => vec![message(Type::Complete, 0, 1, &["a"]), message(Type::Incremental, 2, 3, &["c"])],
            _ => vec![
                message(Type::Complete, 0, 7, &["a", "b", "c"]),
                message(Type::Incremental, 7, 8, &["d"]),
            ],
        };
        let messages = stream::iter(messages.into_iter().map(Ok));
        Ok(Response::new(Box::pin(messages.chain(stream::pending()))))
    }

    async fn update_task_status(
        &self,
        request: Request<pb::UpdateTaskStatusRequest>,
    ) -> Result<Response<pb::Empty>, Status> {
        if self.0.reports.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Status::unavailable("lost"));
        }
        self.0.statuses.lock().unwrap().extend(request.into_inner().updates);
        Ok(Response::new(pb::Empty {}))
    }

    async fn log_requests(
        &self,
        _: Request<pb::LogRequestsRequest>,
    ) -> Result<Response<Self::LogRequestsStream>, Status> {
        Ok(Response::new(Box::pin(stream::pending())))
    }

    async fn publish_logs(
        &self,
        _: Request<pb::PublishLogsRequest>,
    ) -> Result<Response<pb::PublishLogsResponse>, Status> {
        Ok(Response::new(pb::PublishLogsResponse { stop: true, again: false }))
    }

    async fn goodbye(&self, request: Request<pb::GoodbyeRequest>) -> Result<Response<pb::Empty>, Status> {
        self.0.left.fetch_add(u64::from(request.get_ref().leaves), Ordering::Relaxed);
        Ok(Response::new(pb::Empty {}))
    }
}

fn message(r#type: Type, applies_to: u64, sequence: u64, tasks: &[&str]) -> pb::AssignmentsMessage {
    let container = pb::ContainerSpec { image: "web".to_owned(), ..Default::default() };
    let task = |id: &&str| pb::Task {
        id: (*id).to_owned(),
        spec: Some(pb::TaskSpec { container: Some(container.clone()), ..Default::default() }),
        desired_state: TaskState::Running.into(),
        ..Default::default()
    };
    let change = |task| pb::AssignmentChange {
        assignment: Some(pb::Assignment { item: Some(Item::Task(task)) }),
        ..Default::default()
    };
    let changes = tasks.iter().map(task).map(change).collect();
    pb::AssignmentsMessage { r#type: r#type.into(), applies_to, sequence, changes }
}

/// Reaches nobody the first time that it is asked to.
struct InProcess(channel::IncomingSender, AtomicU64);

#[async_trait]
impl Connect for InProcess {
    async fn connect(&self, _addr: &str) -> Result<Channel, String> {
        if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err("nobody is there yet".to_owned());
        }
        Ok(channel::in_process(self.0.clone(), Peer::Local { node_id: NodeId::random() }))
    }
}

/// An agent whose manager is [`Careless`].
struct Bed {
    agent: Agent,
    seen: Arc<Seen>,
    executor: FakeExecutor,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    directory: TempDir,
}

async fn bed() -> Bed {
    let seen = Arc::new(Seen::default());
    let (sender, connections) = channel::incoming();
    let service = DispatcherServer::new(Careless(Arc::clone(&seen)));
    let serving = tokio::spawn(Server::builder().add_service(service).serve_with_incoming(connections));
    let directory = tempfile::tempdir().unwrap();
    let executor = FakeExecutor::new("w");
    let config = AgentConfig {
        state_dir: directory.path().to_owned(),
        connect: Arc::new(InProcess(sender, AtomicU64::new(0))),
        managers: vec!["here".to_owned()],
        executor: Arc::new(executor.clone()),
        alone_after: ALONE_AFTER,
    };
    let agent = Agent::start(config).await.unwrap();
    Bed { agent, seen, executor, serving, directory }
}

#[tokio::test]
async fn a_gap_is_filled_and_a_lost_answer_asked_for_again() {
    let Bed { agent, seen, executor, serving, directory: _directory } = bed().await;
    let begun = Instant::now();
    let running = || {
        let statuses = seen.statuses.lock().unwrap();
        let runs = |id: &str| {
            let of_task = |update: &&pb::TaskStatusUpdate| update.task_id == id;
            let newest = statuses.iter().rfind(of_task).and_then(|update| update.status.clone());
            newest.is_some_and(|status| status.state() == TaskState::Running)
        };
        ["a", "b", "c", "d"].into_iter().all(runs)
    };
    while !running() {
        assert!(begun.elapsed() < PATIENCE, "{:?}", executor.containers());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(executor.starts(), 4, "each was started once");
    assert_eq!(seen.streams.load(Ordering::Relaxed), 2, "all was asked for once more");
    assert_eq!(seen.sessions.load(Ordering::Relaxed), 1, "in the same session");
    agent.stop(Farewell::Silent).await;
    serving.abort();
}

#[tokio::test]
async fn who_leaves_says_so_although_there_is_no_session_just_then() {
    let Bed { agent, seen, serving, directory: _directory, .. } = bed().await;
    assert_eq!(seen.sessions.load(Ordering::Relaxed), 0);
    agent.stop(Farewell::Leaves).await;
    assert_eq!(seen.left.load(Ordering::Relaxed), 1);
    serving.abort();
}
