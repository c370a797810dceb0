//! What the library says to the other members, and how long it may take.

use std::future::Future;
use std::io;
use std::time::Duration;

use futures_util::Stream;
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::error::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use tonic::{Code, Status};

use super::append;
use super::peer::{Lane, Peer, Reach};
use super::send;
use super::snapshot::SnapshotFile;
use super::types::{Member, Types, Vote};
use super::wire;

/// The first wait before a member that does not answer is tried again, and the longest.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_CAP: Duration = Duration::from_millis(500);

/// Makes the links to members.
pub(super) struct Network {
    pub(super) reach: Reach,
}

/// The link to one member, for one purpose.
pub(super) struct Link {
    peer: std::sync::Arc<Peer>,
}

impl Network {
    fn link(&self, target: u64, lane: Lane, member: &Member) -> Link {
        Link { peer: self.reach.peer(target, lane, member) }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, member: &Member) -> Link {
        self.link(target, Lane::Log, member)
    }

    async fn new_heartbeat_client(&mut self, target: u64, member: &Member) -> Link {
        self.link(target, Lane::Pulse, member)
    }

    async fn new_snapshot_client(&mut self, target: u64, member: &Member) -> Link {
        self.link(target, Lane::Snapshot, member)
    }
}

impl Link {
    fn unreachable(error: &io::Error) -> RPCError<Types> {
        Unreachable::new(error).into()
    }

    /// One call with one answer, within the time that the library gives it.
    async fn call<T>(
        &self,
        option: &RPCOption,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, RPCError<Types>> {
        match tokio::time::timeout(option.soft_ttl(), call).await {
            Ok(Ok(answer)) => {
                self.peer.heard();
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => Err(self.peer.error(&status)),
            Err(_) => Err(self.peer.error(&Status::deadline_exceeded("no answer in time"))),
        }
    }

    fn rubbish(rubbish: wire::Rubbish) -> RPCError<Types> {
        Self::unreachable(&io::Error::new(io::ErrorKind::InvalidData, rubbish))
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        use futures_util::StreamExt;
        let last = request.entries.last().map_or(request.prev_log_id, |entry| Some(entry.log_id));
        let once = futures_util::stream::iter([request]);
        let answer = self.stream_append(once, option).await?.next().await;
        Ok(match answer.transpose()? {
            Some(Ok(matching)) if matching == last => AppendEntriesResponse::Success,
            Some(Ok(matching)) => AppendEntriesResponse::PartialSuccess(matching),
            Some(Err(StreamAppendError::Conflict(_))) => AppendEntriesResponse::Conflict,
            Some(Err(StreamAppendError::HigherVote(vote))) => AppendEntriesResponse::HigherVote(vote),
            None => {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "no answer to an append");
                return Err(NetworkError::new(&error).into());
            }
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        let answers = append::stream(self.peer.clone(), input);
        Box::pin(async move { Ok(answers) })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let mut client = self.peer.client().map_err(|error| Self::unreachable(&error))?;
        let message = wire::vote_request_to_message(self.peer.raft_id, self.peer.own_addr(), &request);
        let answer = self.call(&option, client.vote(message)).await?;
        wire::vote_answer(answer).map_err(Self::rubbish)
    }

    // The default grants without asking.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let mut client = self.peer.client().map_err(|error| Self::unreachable(&error))?;
        let message = wire::vote_request_to_message(self.peer.raft_id, self.peer.own_addr(), &request);
        let answer = self.call(&option, client.pre_vote(message)).await?;
        wire::vote_answer(answer).map_err(Self::rubbish)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: openraft::alias::SnapshotOf<Types, SnapshotFile>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = send::snapshot(&self.peer, vote, snapshot.snapshot) => sent.map_err(Into::into),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let mut client = self.peer.client().map_err(|error| Self::unreachable(&error))?;
        let message = wire::transfer_to_message(self.peer.raft_id, &request);
        let called = tokio::time::timeout(option.soft_ttl(), client.transfer_leader(message)).await;
        match called {
            Ok(Ok(_)) => {
                self.peer.heard();
                Ok(Ok(()))
            }
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => {
                let expected = request.last_log_id().copied();
                Ok(Err(TransferLeaderError::LogNotFlushed { expected, actual: None }))
            }
            Ok(Err(status)) => Err(self.peer.error(&status)),
            Err(_) => Err(self.peer.error(&Status::deadline_exceeded("no answer in time"))),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        let longer = |wait: &Duration| Some((*wait * 2).min(BACKOFF_CAP));
        Some(Backoff::new(std::iter::successors(Some(BACKOFF_FIRST), longer)))
    }
}
