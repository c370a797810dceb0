//! One live link with one dispatcher: the session stream, its heartbeats and its assignments, side by
//! side. The first of the three that fails ends it.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use swarm_api::pb;
use swarm_api::pb::dispatcher_client::DispatcherClient;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Response, Status, Streaming};

use crate::assignment::{PARTS_BYTES, Parts, Sequence, TooLarge};
use crate::executor::Executor;
use crate::publish;
use crate::reporter::Live;

/// Bound of every other unary call, and of the first answer of a stream.
const CALL: Duration = Duration::from_secs(5);
/// Bound of a heartbeat, which the managers answer without looking at a disk: whoever is silent for so long hangs.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// What a dispatcher may ask for as its period: outside of it, the nearer end.
const PERIOD_MIN: Duration = Duration::from_millis(10);
const PERIOD_MAX: Duration = Duration::from_secs(60);
/// A task is a few kB: this is some ten thousand of them in one message.
const MESSAGE_BYTES: usize = 64 << 20;

/// Why a session ended or did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("describe the node: {0}")]
    Describe(#[from] crate::executor::ExecutorError),
    #[error("{call}: {status}", status = .status.message())]
    Call { call: &'static str, status: Status },
    #[error("{0}: no answer in time")]
    Late(&'static str),
    #[error("{0}: the manager ended the stream")]
    Ended(&'static str),
    #[error("assignments: more than {} MiB in one message", PARTS_BYTES >> 20)]
    TooLarge,
    #[error("the worker stops")]
    Stopping,
}

impl SessionError {
    /// Whether the manager may be there and does not answer: another is the likelier one to do so.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Late(_))
    }

    /// Whether a manager answered, and refuses this node: not that it is not reached, or is busy.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Call { status, .. } = self else { return false };
        matches!(
            status.code(),
            Code::PermissionDenied | Code::Unauthenticated | Code::NotFound | Code::InvalidArgument
        )
    }

    /// Where the leader is, if a manager said that it does not lead; empty when it knows of none.
    pub(crate) fn leader(&self) -> Option<String> {
        let Self::Call { status, .. } = self else { return None };
        let leader = status.metadata().get(swarm_api::channel::LEADER)?.to_str().ok()?;
        Some(leader.to_owned())
    }
}

/// What a session tells the rest of the worker.
#[derive(Debug)]
pub(crate) enum News {
    /// The next assignments, in sequence, of this session.
    Assignments(String, pb::AssignmentsMessage),
    /// The node's own record, or the manager list.
    Session(Box<pb::SessionMessage>),
}

/// The last assignments that this node balances by. A manager that takes a task out of the balancing waits for word of that,
/// so the next beat is made at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// The session they came by.
    pub(crate) session_id: String,
    pub(crate) sequence: u64,
}

/// What the link adds to what the executor says of this node.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) tls: Option<pb::NodeTls>,
    pub(crate) addr: String,
    pub(crate) manager_addr: String,
}

/// An open session, of which nothing but the first message is read.
pub(crate) struct Session {
    live: Live,
    messages: Streaming<pb::SessionMessage>,
    news: mpsc::Sender<News>,
    applied: watch::Receiver<Applied>,
    executor: Arc<dyn Executor>,
}

impl Session {
    /// Opens a session over `channel` and passes its first message on.
    pub(crate) async fn open(
        channel: Channel,
        executor: &Arc<dyn Executor>,
        about: About,
        (news, applied): (mpsc::Sender<News>, watch::Receiver<Applied>),
        patience: Duration,
    ) -> Result<Session, SessionError> {
        let mut client = DispatcherClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
        let mut description = executor.describe().await?;
        description.tls = about.tls;
        let About { addr, manager_addr, .. } = about;
        let request = pb::SessionRequest { description: Some(description), addr, manager_addr };
        let mut messages = bounded("open a session", patience, client.session(request)).await?.into_inner();
        let first = timeout(CALL, messages.message()).await.map_err(|_| SessionError::Late("session"))?;
        let first = read("session", first)?;
        let live = Live { client, session_id: first.session_id.clone() };
        news.send(News::Session(Box::new(first))).await.map_err(|_| SessionError::Stopping)?;
        Ok(Session { live, messages, news, applied, executor: Arc::clone(executor) })
    }

    /// The handle that statuses travel over.
    pub(crate) fn live(&self) -> Live {
        self.live.clone()
    }

    /// Runs the session to its end.
    pub(crate) async fn run(self) -> SessionError {
        let Session { live, messages, news, applied, executor } = self;
        let ended = tokio::select! {
            ended = heartbeat(live.clone(), applied) => ended,
            ended = assignments(live.clone(), &news) => ended,
            ended = publish::serve(live, executor, CALL) => ended,
            ended = session_messages(messages, &news) => ended,
        };
        match ended {
            Err(error) => error,
            Ok(never) => match never {},
        }
    }
}

async fn heartbeat(
    mut live: Live,
    mut applied: watch::Receiver<Applied>,
) -> Result<Infallible, SessionError> {
    loop {
        let last = applied.borrow_and_update().clone();
        let is_ours = last.session_id == live.session_id;
        let request = pb::HeartbeatRequest {
            session_id: live.session_id.clone(),
            applied: if is_ours { last.sequence } else { 0 },
        };
        let answer = bounded("heartbeat", HEARTBEAT, live.client.heartbeat(request)).await?.into_inner();
        let period = Duration::from_nanos(answer.period_ns).clamp(PERIOD_MIN, PERIOD_MAX);
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            changed = applied.changed() => changed.map_err(|_| SessionError::Stopping)?,
        }
    }
}

async fn assignments(mut live: Live, news: &mpsc::Sender<News>) -> Result<Infallible, SessionError> {
    loop {
        let request = pb::AssignmentsRequest { session_id: live.session_id.clone() };
        let mut stream = bounded("assignments", CALL, live.client.assignments(request)).await?.into_inner();
        let mut sequence = Sequence::default();
        let mut parts = Parts::default();
        loop {
            let message = read("assignments", stream.message().await)?;
            let message = match parts.gather(message) {
                Ok(Some(message)) => message,
                Ok(None) => continue,
                Err(TooLarge) => return Err(SessionError::TooLarge),
            };
            if !sequence.accept(&message) {
                tracing::warn!(applies_to = message.applies_to, "assignments have a gap, asks for all again");
                break;
            }
            news.send(News::Assignments(live.session_id.clone(), message))
                .await
                .map_err(|_| SessionError::Stopping)?;
        }
    }
}

async fn session_messages(
    mut messages: Streaming<pb::SessionMessage>,
    news: &mpsc::Sender<News>,
) -> Result<Infallible, SessionError> {
    loop {
        let message = read("session", messages.message().await)?;
        news.send(News::Session(Box::new(message))).await.map_err(|_| SessionError::Stopping)?;
    }
}

pub(crate) fn read<T>(call: &'static str, answer: Result<Option<T>, Status>) -> Result<T, SessionError> {
    match answer {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(SessionError::Ended(call)),
        Err(status) => Err(SessionError::Call { call, status }),
    }
}

pub(crate) async fn bounded<T>(
    call: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<Response<T>, SessionError> {
    match timeout(limit, answer).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(status)) => Err(SessionError::Call { call, status }),
        Err(_) => Err(SessionError::Late(call)),
    }
}
