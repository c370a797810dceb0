//! Takes proposals off the queue and gives them to the log, in batches.

use std::sync::Arc;

use futures_util::StreamExt;
use openraft::Raft;
use openraft::error::ClientWriteError;
use prost::Message;
use tokio::sync::{Semaphore, mpsc};

use super::machine::Machine;
use super::types::{Command, Outcome, Types};
use crate::store::{Proposal, ProposeError, encode};

/// At most so many proposals go to the log at once.
const MAX_BATCH: usize = 128;
/// So many batches may be on their way: while one is written the next gathers.
const MAX_BATCHES: usize = 4;
/// After so many bytes a snapshot is taken, however few entries they are: the log stays small on disk.
const SNAPSHOT_AFTER_BYTES: usize = 32 * 1024 * 1024;

/// Runs until all proposers are gone.
pub(super) async fn run(raft: Raft<Types, Machine>, mut proposals: mpsc::Receiver<Proposal>) {
    let in_flight = Arc::new(Semaphore::new(MAX_BATCHES));
    let mut batch = Vec::new();
    let mut bytes = 0;
    while proposals.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let Ok(permit) = in_flight.clone().acquire_owned().await else { return };
        let (raft, batch) = (raft.clone(), std::mem::take(&mut batch));
        let (commands, replies): (Vec<Command>, Vec<Reply>) = batch.into_iter().map(split).unzip();
        bytes += commands.iter().map(|command| command.0.len()).sum::<usize>();
        if bytes > SNAPSHOT_AFTER_BYTES {
            bytes = 0;
            if let Err(error) = raft.trigger().snapshot().await {
                tracing::debug!(%error, "no snapshot any more");
            }
        }
        match raft.client_write_many(commands).await {
            // A dropped reply tells its proposer that the outcome is unknown.
            Err(error) => tracing::debug!(%error, "proposals came too late"),
            Ok(mut outcomes) => drop(tokio::spawn(async move {
                for reply in replies {
                    let Some(Ok(outcome)) = outcomes.next().await else { break };
                    let answer = match outcome.map(|response| response.response) {
                        Ok(Outcome::Transaction(result)) => result.map_err(ProposeError::from),
                        Ok(Outcome::Internal) => Err(ProposeError::Unknown),
                        Err(ClientWriteError::ForwardToLeader(_)) => Err(ProposeError::NotLeader),
                        Err(_) => Err(ProposeError::Unknown),
                    };
                    // Who proposed may have stopped waiting.
                    let _ = reply.send(answer);
                }
                drop(permit);
            })),
        }
    }
}

type Reply = tokio::sync::oneshot::Sender<Result<crate::store::Applied, ProposeError>>;

fn split(proposal: Proposal) -> (Command, Reply) {
    let message = encode::to_message(&proposal.transaction, proposal.now_ns);
    (Command(message.encode_to_vec().into()), proposal.reply)
}
