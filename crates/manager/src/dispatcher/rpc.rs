//! The dispatcher's calls. Who calls is what the connection proves; a session id only tells one life of an
//! agent from another.

use std::pin::Pin;
use std::sync::PoisonError;

use futures_util::{Stream, StreamExt};
use prost::Message;
use swarm_api::channel::RemoteAddr;
use swarm_api::pb::dispatcher_server;
use swarm_api::pb::{self, NodeState};
use swarm_api::role::Role;
use swarm_api::tls::Peer;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::session::Session;
use super::status::Report;
use super::told::Told;
use super::{Dispatcher, Term, assignment};
use crate::ca;
use crate::node;
use crate::store::{Notice, Object, ProposeError, Store, Transaction, View};

/// Messages that may wait for a slow agent.
const STREAM: usize = 16;
/// Statuses in one call.
const UPDATES: usize = 4096;
/// Lines in one message of a log: several times what a worker puts into one.
const LOG_LINES: usize = 4096;
/// What a node may say of itself, in bytes: it goes into the log.
const DESCRIPTION_BYTES: usize = 64 << 10;

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl dispatcher_server::Dispatcher for Dispatcher {
    type SessionStream = Out<pb::SessionMessage>;
    type LogRequestsStream = Out<pb::LogRequest>;
    type AssignmentsStream = Out<pb::AssignmentsMessage>;

    async fn session(
        &self,
        request: Request<pb::SessionRequest>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let node_id = caller(&request)?;
        let seen = request.extensions().get::<RemoteAddr>().map(|remote| remote.0.ip());
        let is_manager = matches!(
            request.extensions().get::<Peer>(),
            Some(Peer::Local { .. } | Peer::Node { role: Role::Manager, .. })
        );
        let term = self.term()?;
        let told = Told::new(request.into_inner(), seen, is_manager);
        let now_ns = self.handles.clock.now_ns();
        if told.description.encoded_len() > DESCRIPTION_BYTES {
            return Err(Status::invalid_argument("the node says too much of itself"));
        }
        let opened = sessions(&term).open(&node_id, now_ns, &self.config.flap, &term.stop);
        let opened = opened.map_err(|refused| {
            if refused.is_new {
                tracing::warn!(%node_id, %refused, "sessions are refused");
            }
            Status::resource_exhausted(refused.to_string())
        })?;
        let Session { id, over, .. } = opened.session;
        if let Err(status) = self.register(&node_id, &told, opened.held.as_deref()).await {
            sessions(&term).close_if(&node_id, &id);
            return Err(status);
        }
        tracing::info!(%node_id, held = opened.held.unwrap_or_default(), "node has a session");
        let (out, stream) = mpsc::channel(STREAM);
        tokio::spawn(node_news(self.handles.store.clone(), node_id, id, over, out));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn heartbeat(
        &self,
        request: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatResponse>, Status> {
        let node_id = caller(&request)?;
        let pb::HeartbeatRequest { session_id, applied } = request.into_inner();
        let (term, _) = self.check(&node_id, &session_id)?;
        if sessions(&term).applies(&node_id, applied) {
            term.acknowledged.notify_one();
        }
        let period_ns = u64::try_from(self.period().as_nanos()).unwrap_or(u64::MAX);
        sessions(&term).tell_period(&node_id, i64::try_from(period_ns).unwrap_or(i64::MAX));
        Ok(Response::new(pb::HeartbeatResponse { period_ns }))
    }

    async fn assignments(
        &self,
        request: Request<pb::AssignmentsRequest>,
    ) -> Result<Response<Self::AssignmentsStream>, Status> {
        let node_id = caller(&request)?;
        let (term, session) = self.check(&node_id, &request.into_inner().session_id)?;
        let over = sessions(&term).restream(&node_id, &session.id).ok_or_else(no_session)?;
        let (out, stream) = mpsc::channel(STREAM);
        let told = assignment::Told { sessions: term.sessions, node_id };
        tokio::spawn(assignment::stream(self.handles.store.clone(), told, over, out));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn update_task_status(
        &self,
        request: Request<pb::UpdateTaskStatusRequest>,
    ) -> Result<Response<pb::Empty>, Status> {
        let node_id = caller(&request)?;
        let request = request.into_inner();
        let (term, session) = self.check(&node_id, &request.session_id)?;
        let one_at_a_time = session.reporting.try_acquire_owned();
        let _reports =
            one_at_a_time.map_err(|_| Status::resource_exhausted("statuses are under way already"))?;
        if request.updates.len() > UPDATES {
            return Err(Status::invalid_argument(format!("more than {UPDATES} statuses in one call")));
        }
        let (reply, outcome) = oneshot::channel();
        let report = Report { node_id, updates: request.updates, reply };
        let gone = "the manager stopped leading before the statuses were committed";
        term.reports.send(report).await.map_err(|_| Status::unavailable(gone))?;
        match outcome.await {
            Ok(Ok(())) => Ok(Response::new(pb::Empty {})),
            Ok(Err(error)) => Err(Status::unavailable(error.to_string())),
            Err(_) => Err(Status::unavailable(gone)),
        }
    }

    async fn log_requests(
        &self,
        request: Request<pb::LogRequestsRequest>,
    ) -> Result<Response<Self::LogRequestsStream>, Status> {
        let node_id = caller(&request)?;
        let (_, session) = self.check(&node_id, &request.into_inner().session_id)?;
        let listening = self.logs.listen(&node_id);
        let over = session.over.cancelled_owned();
        let requests = futures_util::stream::unfold(listening, |mut listening| async {
            let request = listening.requests.recv().await?;
            Some((Ok(request), listening))
        });
        Ok(Response::new(Box::pin(requests.take_until(over))))
    }

    async fn publish_logs(
        &self,
        request: Request<pb::PublishLogsRequest>,
    ) -> Result<Response<pb::PublishLogsResponse>, Status> {
        let node_id = caller(&request)?;
        let request = request.into_inner();
        let (_, session) = self.check(&node_id, &request.session_id)?;
        let room = session.publishing.try_acquire_owned();
        let _room =
            room.map_err(|_| Status::resource_exhausted("too many messages of logs are under way"))?;
        if request.lines.len() > LOG_LINES {
            return Err(Status::invalid_argument(format!(
                "more than {LOG_LINES} lines in one message of a log"
            )));
        }
        Ok(Response::new(self.logs.publish(&node_id, request).await))
    }

    async fn goodbye(&self, request: Request<pb::GoodbyeRequest>) -> Result<Response<pb::Empty>, Status> {
        let node_id = caller(&request)?;
        let pb::GoodbyeRequest { session_id, leaves } = request.into_inner();
        let (term, _) = self.check(&node_id, &session_id)?;
        sessions(&term).goodbye(&node_id, self.handles.clock.now_ns());
        tracing::info!(%node_id, leaves, "node says goodbye");
        let (state, message) = match leaves {
            true => (NodeState::Down, "the node left the swarm"),
            false => (NodeState::Disconnected, "the node announced its absence"),
        };
        self.set_node(&node_id, |node| {
            // One that is held back has no tasks that could wait for it.
            if leaves || node::state(node) != NodeState::Down {
                let status = node.status.get_or_insert_default();
                status.set_state(state);
                message.clone_into(&mut status.message);
            }
        })
        .await?;
        Ok(Response::new(pb::Empty {}))
    }
}

impl Dispatcher {
    /// Notes a sign of life on the caller's session, and gives it with its term.
    fn check(&self, node_id: &str, session_id: &str) -> Result<(Term, Session), Status> {
        let term = self.term()?;
        let session = sessions(&term).beat(node_id, session_id, self.handles.clock.now_ns());
        Ok((term, session.ok_or_else(no_session)?))
    }

    /// Marks the node as ready, or says why it is held back, with what it says of itself.
    async fn register(&self, node_id: &str, told: &Told, held: Option<&str>) -> Result<(), Status> {
        self.set_node(node_id, |node| {
            node.description = Some(told.description.clone());
            let status = node.status.get_or_insert_default();
            status.set_state(if held.is_some() { NodeState::Down } else { NodeState::Ready });
            held.unwrap_or_default().clone_into(&mut status.message);
            if let Some(addr) = told.addr {
                status.addr = addr.to_string();
            }
            if let (Some(manager), Some(addr)) = (&mut node.manager_status, &told.manager_addr) {
                manager.addr.clone_from(addr);
            }
        })
        .await
    }

    /// Changes the node's record, if that is a change.
    async fn set_node(&self, node_id: &str, change: impl Fn(&mut pb::Node)) -> Result<(), Status> {
        let decide = |view: &View| {
            let known = view.node(node_id).ok_or(RecordError::NotInSwarm)?;
            let mut node = pb::Node::clone(known);
            change(&mut node);
            let mut transaction = Transaction::default();
            if node != **known {
                transaction.put(node);
            }
            Ok(transaction)
        };
        match self.handles.proposer.update(&self.handles.store, decide).await {
            Ok(_) => Ok(()),
            Err(RecordError::NotInSwarm) => {
                Err(Status::permission_denied(format!("node {node_id} is not part of the swarm")))
            }
            Err(RecordError::Propose(error)) => Err(Status::unavailable(error.to_string())),
        }
    }
}

/// Why a node's record was not changed.
enum RecordError {
    NotInSwarm,
    Propose(ProposeError),
}

impl From<ProposeError> for RecordError {
    fn from(error: ProposeError) -> Self {
        RecordError::Propose(error)
    }
}

fn sessions(term: &Term) -> std::sync::MutexGuard<'_, super::Sessions> {
    term.sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_session() -> Status {
    Status::not_found("no such session")
}

fn caller<T>(request: &Request<T>) -> Result<String, Status> {
    let peer = request.extensions().get::<Peer>();
    let node_id = peer.and_then(Peer::node_id).map(|id| id.to_string());
    node_id.ok_or_else(|| Status::unauthenticated("only a node of the swarm may call this"))
}

/// Tells the agent its own record, the managers and the authority, at first and whenever they change.
async fn node_news(
    store: Store,
    node_id: String,
    session_id: String,
    over: CancellationToken,
    out: mpsc::Sender<Result<pb::SessionMessage, Status>>,
) {
    let mut subscription = store.subscribe();
    let mut sent = None;
    loop {
        let view = store.view();
        let Some(node) = view.node(&node_id).map(|node| pb::Node::clone(node)) else {
            return over.cancel();
        };
        let message = pb::SessionMessage {
            session_id: session_id.clone(),
            node: Some(node),
            managers: managers(&view),
            authority: view.cluster().and_then(|cluster| cluster.root_ca.as_ref()).map(ca::authority),
        };
        if sent.as_ref() != Some(&message) {
            let delivered = tokio::select! {
                () = over.cancelled() => return,
                delivered = out.send(Ok(message.clone())) => delivered,
            };
            if delivered.is_err() {
                return;
            }
            sent = Some(message);
        }
        loop {
            let notice = tokio::select! {
                () = over.cancelled() => return,
                () = out.closed() => return,
                notice = subscription.next() => notice,
            };
            let is_news = |object: &Object| matches!(object, Object::Node(_) | Object::Cluster(_));
            match notice {
                Notice::Changed(change) if change.events.iter().any(|event| is_news(event.object())) => break,
                Notice::Changed(_) => {}
                Notice::Rescan => break,
                Notice::Closed => return,
            }
        }
    }
}

fn managers(view: &View) -> Vec<pb::ManagerAddress> {
    let managers = view.nodes().filter_map(|node| {
        let addr = node.manager_status.as_ref().map(|status| status.addr.clone())?;
        (!addr.is_empty()).then(|| pb::ManagerAddress { node_id: node.id.clone(), addr })
    });
    managers.collect()
}
