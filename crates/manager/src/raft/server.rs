//! What other members ask of this one. Who calls is what its certificate says, and it speaks only for its own member.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use openraft::Raft;
use openraft::async_runtime::WatchReceiver;
use openraft::raft::AppendEntriesRequest;
use swarm_api::channel::Complaints;
use swarm_api::id::NodeId;
use swarm_api::pb;
use swarm_api::pb::raft_server::Raft as Rpc;
use swarm_api::pb::snapshot_piece::Piece;
use swarm_api::tls::Peer;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

use super::join::Joining;
use super::leadership::Heard;
use super::machine::Machine;
use super::peer::Reach;
use super::snapshot::Snapshots;
use super::transfer::Receiver;
use super::types::{SnapshotMeta, Types, Vote};
use super::wire;
use crate::store::State;

/// How long a piece of a snapshot may be waited for.
const PIECE_LIMIT: Duration = Duration::from_secs(15);

/// Answers the other members.
#[derive(Clone)]
pub(crate) struct RaftServer {
    raft: Raft<Types, Machine>,
    raft_id: u64,
    snapshots: Snapshots,
    heard: Heard,
    /// One snapshot at a time.
    receiving: Arc<Semaphore>,
    joining: Joining,
    complaints: Arc<Mutex<Complaints<Option<NodeId>>>>,
    reach: Reach,
}

type Answers = Pin<Box<dyn Stream<Item = Result<pb::AppendAnswer, Status>> + Send>>;

impl RaftServer {
    pub(super) fn new(
        raft: Raft<Types, Machine>,
        raft_id: u64,
        snapshots: Snapshots,
        heard: Heard,
        joining: Joining,
        reach: Reach,
    ) -> Self {
        let receiving = Arc::new(Semaphore::new(1));
        Self { raft, raft_id, snapshots, heard, receiving, joining, complaints: Arc::default(), reach }
    }

    /// What a manager said cannot be understood. Logged once in a while: one that speaks rubbish does so again and again.
    fn rubbish(&self, caller: &Peer, why: &dyn std::fmt::Display) -> Status {
        let node_id = caller.node_id().cloned();
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unsaid) = complaints.note(node_id.clone(), Instant::now()) {
            let node_id = node_id.as_ref().map_or("", |node_id| node_id.as_str());
            tracing::warn!(node_id, %why, unsaid, "a manager said what cannot be understood");
        }
        Status::invalid_argument(why.to_string())
    }

    /// Whether the call is for this member, and the caller's node is the member that the vote names.
    fn check(&self, caller: &Peer, to: u64, vote: Option<&pb::RaftVote>) -> Result<(), Status> {
        if to != self.raft_id {
            let text = format!("this is member {:x} of the managers, not {to:x}", self.raft_id);
            return Err(Status::not_found(text));
        }
        let from = vote.map_or(0, |vote| vote.raft_id);
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let known = metrics.membership_config.membership().get_node(&from);
        // Who is not known here yet may be a member since: the library weighs what it says.
        match (known, caller.node_id()) {
            (Some(member), Some(node_id)) if !member.node_id.is_empty() && member.node_id != **node_id => {
                Err(Status::permission_denied(format!("node {node_id} is not member {from:x}")))
            }
            (_, None) => Err(Status::unauthenticated("only managers call each other")),
            (_, Some(_)) => Ok(()),
        }
    }

    /// The same for who wants to lead, who says where it is too.
    fn check_candidate(&self, caller: &Peer, message: &pb::VoteRequest) -> Result<(), Status> {
        self.check(caller, message.to, message.vote.as_ref())?;
        if let (Some(vote), Some(node_id)) = (&message.vote, caller.node_id()) {
            self.reach.note(vote.raft_id, node_id, &message.addr);
        }
        Ok(())
    }

    fn append_request(
        &self,
        caller: &Peer,
        message: pb::AppendRequest,
    ) -> Result<AppendEntriesRequest<Types>, Status> {
        self.check(caller, message.to, message.vote.as_ref())?;
        wire::append(message).map_err(|why| self.rubbish(caller, &why))
    }
}

#[tonic::async_trait]
impl Rpc for RaftServer {
    type AppendStream = Answers;

    async fn append(
        &self,
        request: Request<Streaming<pb::AppendRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let caller = caller(&request)?;
        let refusal = Arc::new(Mutex::new(None));
        let leader = Arc::new(AtomicU64::default());
        let taking = Taking {
            server: self.clone(),
            caller,
            messages: request.into_inner(),
            leader: leader.clone(),
            refusal: refusal.clone(),
        };
        let input = futures_util::stream::unfold(taking, async |mut taking| {
            let request = taking.next().await?;
            Some((request, taking))
        });
        let heard = self.heard.clone();
        let answers = self.raft.stream_append(Box::pin(input)).map(move |answer| match answer {
            Ok(answer) => {
                if !matches!(answer, Err(openraft::raft::StreamAppendError::HigherVote(_))) {
                    heard.note_leader(leader.load(Ordering::Relaxed));
                }
                Ok(wire::append_answer_to_message(&answer))
            }
            Err(fatal) => Err(Status::unavailable(fatal.to_string())),
        });
        // After the answers to what was in order: why the rest was not taken.
        let refused = futures_util::stream::iter([refusal]).filter_map(async |refusal| {
            let status: Option<Status> = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
            status.map(Err)
        });
        Ok(Response::new(Box::pin(answers.chain(refused))))
    }

    async fn vote(&self, request: Request<pb::VoteRequest>) -> Result<Response<pb::VoteAnswer>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        self.check_candidate(&caller, &message)?;
        let request = wire::vote_request(message).map_err(|why| self.rubbish(&caller, &why))?;
        let answer = self.raft.vote(request).await.map_err(failed)?;
        Ok(Response::new(wire::vote_answer_to_message(&answer)))
    }

    async fn pre_vote(&self, request: Request<pb::VoteRequest>) -> Result<Response<pb::VoteAnswer>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        self.check_candidate(&caller, &message)?;
        let request = wire::vote_request(message).map_err(|why| self.rubbish(&caller, &why))?;
        let answer = self.raft.pre_vote(request).await.map_err(failed)?;
        Ok(Response::new(wire::vote_answer_to_message(&answer)))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<pb::SnapshotPiece>>,
    ) -> Result<Response<pb::SnapshotAnswer>, Status> {
        let caller = caller(&request)?;
        let _only = self
            .receiving
            .try_acquire()
            .map_err(|_| Status::resource_exhausted("another snapshot is on its way to this manager"))?;
        let mut pieces = request.into_inner();
        let Some(Piece::Head(head)) = next(&mut pieces).await? else {
            return Err(Status::invalid_argument("a snapshot without a head"));
        };
        self.check(&caller, head.to, head.vote.as_ref())?;
        let vote = wire::vote(head.vote).map_err(|why| self.rubbish(&caller, &why))?;
        let (meta, state) = self.receive(&caller, &mut pieces).await?;
        let vote = self.install(vote, meta, state).await?;
        Ok(Response::new(pb::SnapshotAnswer { vote: wire::vote_to_message(&vote) }))
    }

    async fn transfer_leader(
        &self,
        request: Request<pb::TransferLeaderRequest>,
    ) -> Result<Response<pb::Empty>, Status> {
        let caller = caller(&request)?;
        let message = request.into_inner();
        self.check(&caller, message.to, message.vote.as_ref())?;
        let request = wire::transfer(message).map_err(|why| self.rubbish(&caller, &why))?;
        match self.raft.handle_transfer_leader(request).await.map_err(failed)? {
            Ok(()) => Ok(Response::new(pb::Empty {})),
            Err(error) => Err(Status::failed_precondition(error.to_string())),
        }
    }

    async fn join(&self, request: Request<pb::JoinRaftRequest>) -> Result<Response<pb::Empty>, Status> {
        let caller = caller(&request)?;
        let node_id = caller.node_id().ok_or_else(|| Status::unauthenticated("who joins must be a node"))?;
        self.joining.join(node_id, request.into_inner()).await?;
        Ok(Response::new(pb::Empty {}))
    }
}

impl RaftServer {
    /// The snapshot after its head.
    async fn receive(
        &self,
        caller: &Peer,
        pieces: &mut Streaming<pb::SnapshotPiece>,
    ) -> Result<(SnapshotMeta, State), Status> {
        let mut receiver = Receiver::default();
        loop {
            match next(pieces).await? {
                Some(Piece::Data(data)) => receiver.push(&data).map_err(|why| self.rubbish(caller, &why))?,
                Some(Piece::Tail(tail)) => {
                    return receiver.finish(&tail).map_err(|why| self.rubbish(caller, &why));
                }
                Some(Piece::Head(_)) | None => {
                    return Err(Status::invalid_argument("a snapshot that ends before its tail"));
                }
            }
            self.heard.note();
        }
    }

    /// Gives the library what was received, by way of a file that is whole.
    async fn install(&self, vote: Vote, meta: SnapshotMeta, state: State) -> Result<Vote, Status> {
        let (snapshots, of) = (self.snapshots.clone(), meta.clone());
        let staged = tokio::task::spawn_blocking(move || snapshots.stage(&of, &state)).await;
        let file = staged.map_err(io::Error::other).and_then(|staged| staged).map_err(failed)?;
        let snapshot = openraft::alias::SnapshotOf::<Types, _> { meta, snapshot: file };
        Ok(self.raft.install_full_snapshot(vote, snapshot).await.map_err(failed)?.vote)
    }
}

/// Takes appends off the wire until there are no more, or one is not in order.
struct Taking {
    server: RaftServer,
    caller: Peer,
    messages: Streaming<pb::AppendRequest>,
    /// The member that sends them, as the caller's certificate bears out.
    leader: Arc<AtomicU64>,
    refusal: Arc<Mutex<Option<Status>>>,
}

impl Taking {
    async fn next(&mut self) -> Option<AppendEntriesRequest<Types>> {
        let taken = match self.messages.message().await {
            Ok(message) => self.server.append_request(&self.caller, message?),
            Err(status) => Err(status),
        };
        match taken {
            Ok(request) => {
                self.leader.store(request.vote.leader_id.node_id, Ordering::Relaxed);
                Some(request)
            }
            Err(status) => {
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
                None
            }
        }
    }
}

async fn next(pieces: &mut Streaming<pb::SnapshotPiece>) -> Result<Option<Piece>, Status> {
    match tokio::time::timeout(PIECE_LIMIT, pieces.message()).await {
        Ok(message) => Ok(message?.and_then(|message| message.piece)),
        Err(_) => Err(Status::deadline_exceeded("the next piece of the snapshot does not come")),
    }
}

fn caller<T>(request: &Request<T>) -> Result<Peer, Status> {
    let peer = request.extensions().get::<Peer>().cloned();
    peer.ok_or_else(|| Status::unauthenticated("only managers call each other"))
}

fn failed(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}
