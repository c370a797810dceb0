//! Sends a snapshot to a member that is too far behind for the log.

use std::io;
use std::time::Duration;

use openraft::error::{RPCError, Unreachable};
use openraft::raft::SnapshotResponse;
use swarm_api::pb;
use swarm_api::pb::snapshot_piece::Piece;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::peer::Peer;
use super::snapshot::SnapshotFile;
use super::transfer::Sender;
use super::types::{Types, Vote};
use super::wire;

/// Pieces on their way.
const PIPELINE: usize = 4;
/// How long one piece may take to be taken.
const PIECE_LIMIT: Duration = Duration::from_secs(10);
/// How long the member may take to install what it has got.
const INSTALL_LIMIT: Duration = Duration::from_secs(60);

/// Sends it and waits until the member has installed it.
pub(super) async fn snapshot(
    peer: &Peer,
    vote: Vote,
    file: SnapshotFile,
) -> Result<SnapshotResponse<Types>, RPCError<Types>> {
    let failed = |error: &io::Error| RPCError::from(Unreachable::new(error));
    let read = tokio::task::spawn_blocking(move || file.read()).await;
    let (meta, state) =
        read.map_err(io::Error::other).and_then(|read| read).map_err(|error| failed(&error))?;
    let mut client = peer.client().map_err(|error| failed(&error))?;
    let (pieces, stream) = mpsc::channel(PIPELINE);
    let feeding = async {
        let head = pb::SnapshotHead { to: peer.raft_id, vote: wire::vote_to_message(&vote) };
        feed(&pieces, Piece::Head(head)).await?;
        let mut sender = Sender::new(&meta, state.objects());
        while let Some(data) = sender.next() {
            feed(&pieces, Piece::Data(data)).await?;
        }
        feed(&pieces, Piece::Tail(sender.tail())).await?;
        drop(pieces);
        tokio::time::sleep(INSTALL_LIMIT).await;
        Err(Status::deadline_exceeded("the snapshot is not installed in time"))
    };
    let answer: Result<_, Status> = tokio::select! {
        answer = client.snapshot(ReceiverStream::new(stream)) => answer,
        stuck = feeding => stuck,
    };
    let answer = answer.map_err(|status| peer.error(&status))?.into_inner();
    peer.heard();
    let vote = wire::vote(answer.vote).map_err(|rubbish| failed(&io::Error::other(rubbish)))?;
    Ok(SnapshotResponse::new(vote))
}

async fn feed(pieces: &mpsc::Sender<pb::SnapshotPiece>, piece: Piece) -> Result<(), Status> {
    let sent = pieces.send_timeout(pb::SnapshotPiece { piece: Some(piece) }, PIECE_LIMIT).await;
    match sent {
        Ok(()) => Ok(()),
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            Err(Status::deadline_exceeded("the snapshot is not taken in time"))
        }
        // The call has ended: its answer says why, and is there at once.
        Err(mpsc::error::SendTimeoutError::Closed(_)) => std::future::pending().await,
    }
}
