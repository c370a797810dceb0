//! A stream of appends to one member: so many are on their way, answers come back in order, and the one that waits longest
//! is waited for only so long.
//!
//! The library's own stream of requests stays in our hands and ends with the stream of answers: handed to the transport, it
//! would live on until that notices.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::base::BoxStream;
use openraft::error::{RPCError, Unreachable};
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use swarm_api::pb;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::peer::Peer;
use super::types::Types;
use super::wire;

/// Appends on their way to one member: while one is written there, the next travels.
const PIPELINE: usize = 8;
/// How long the stream may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(2);
/// How long one append may take. The member has to write it to its disk, which may be slow and must not be hurried: what is
/// sent again is written again. Whether it is alive, the heartbeats tell.
const APPEND_LIMIT: Duration = Duration::from_secs(5);

type Answer = Result<StreamAppendResult<Types>, RPCError<Types>>;

/// The stream of answers to `input`. It connects with the first request: with that the library waits, when the member did
/// not answer before.
pub(super) fn stream<'s, S>(peer: Arc<Peer>, input: S) -> BoxStream<'s, Answer>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
{
    let session = Session { peer, input, open: None, has_ended: false, sent: VecDeque::new(), over: false };
    Box::pin(futures_util::stream::unfold(session, async |mut session| {
        let answer = session.next().await?;
        Some((answer, session))
    }))
}

struct Session<S> {
    peer: Arc<Peer>,
    input: S,
    open: Option<Open>,
    /// The input has ended.
    has_ended: bool,
    /// When the appends that are not answered yet were sent.
    sent: VecDeque<Instant>,
    over: bool,
}

/// The two directions of an open stream.
struct Open {
    /// None once the input has ended.
    requests: Option<mpsc::Sender<pb::AppendRequest>>,
    answers: Streaming<pb::AppendAnswer>,
}

async fn open(peer: &Peer) -> Result<Open, RPCError<Types>> {
    let mut client = peer.client().map_err(|error| RPCError::from(Unreachable::new(&error)))?;
    let (requests, messages) = mpsc::channel(PIPELINE);
    let opening = tokio::time::timeout(OPEN_LIMIT, client.append(ReceiverStream::new(messages)));
    match opening.await {
        Ok(Ok(answers)) => Ok(Open { requests: Some(requests), answers: answers.into_inner() }),
        Ok(Err(status)) => Err(peer.error(&status)),
        Err(_) => Err(peer.error(&Status::deadline_exceeded("no answer in time"))),
    }
}

impl<S> Session<S>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
{
    async fn next(&mut self) -> Option<Answer> {
        while !self.over {
            let due = self.sent.front().map(|sent| *sent + APPEND_LIMIT);
            let takes_more = !self.has_ended && self.sent.len() < PIPELINE;
            let answered = tokio::select! {
                biased;
                answer = answer(self.open.as_mut(), due), if due.is_some() => Some(self.take(answer)),
                request = self.input.next(), if takes_more => self.send(request).await.err().map(Err),
                else => return None,
            };
            if answered.is_some() {
                return answered;
            }
        }
        None
    }

    async fn send(&mut self, request: Option<AppendEntriesRequest<Types>>) -> Result<(), RPCError<Types>> {
        let Some(request) = request else {
            self.has_ended = true;
            if let Some(open) = &mut self.open {
                open.requests = None;
            }
            return Ok(());
        };
        if self.open.is_none() {
            self.over = true;
            self.open = Some(open(&self.peer).await?);
            self.over = false;
        }
        self.sent.push_back(Instant::now());
        if let Some(Open { requests: Some(requests), .. }) = &self.open {
            // There is room. A receiver that is gone shows in the answers.
            let _ = requests.send(wire::append_to_message(self.peer.raft_id, &request)).await;
        }
        Ok(())
    }

    fn take(&mut self, answer: Result<pb::AppendAnswer, Status>) -> Answer {
        self.sent.pop_front();
        let outcome = match answer {
            Ok(message) => wire::append_answer(message).map_err(|rubbish| {
                let error = io::Error::new(io::ErrorKind::InvalidData, rubbish);
                self.peer.failed(&error);
                Unreachable::new(&error).into()
            }),
            Err(status) => Err(self.peer.error(&status)),
        };
        match &outcome {
            Ok(Ok(_)) => self.peer.heard(),
            Ok(Err(_)) => {
                self.peer.heard();
                self.over = true;
            }
            Err(_) => self.over = true,
        }
        outcome
    }
}

/// The next answer, which is due at a time.
async fn answer(open: Option<&mut Open>, due: Option<Instant>) -> Result<pb::AppendAnswer, Status> {
    let (Some(open), Some(due)) = (open, due) else { return std::future::pending().await };
    match tokio::time::timeout_at(due, open.answers.message()).await {
        Ok(Ok(Some(answer))) => Ok(answer),
        Ok(Ok(None)) => Err(Status::unavailable("the manager ended the stream")),
        Ok(Err(status)) => Err(status),
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}
