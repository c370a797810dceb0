//! Joins blocking readers and writers, such as archives, to bodies of requests and answers.
//!
//! Both ways go through a channel of a few pieces, so that neither side runs ahead.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::stream::unfold;
use http_body_util::StreamBody as Body;
use hyper::body::Frame;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::progress::Progress;
use crate::client::StreamBody;

/// Pieces that wait in a channel.
const PIECES: usize = 4;
/// Bytes of a piece that is sent.
const PIECE: usize = 64 * 1024;

/// Reads what `Sender` is given; the end of all senders is the end of the file.
pub(super) struct Incoming {
    pieces: Receiver<Bytes>,
    current: Bytes,
}

/// A reader for a blocking thread, and where its bytes come from.
pub(super) fn incoming() -> (Sender<Bytes>, Incoming) {
    let (sender, pieces) = channel(PIECES);
    (sender, Incoming { pieces, current: Bytes::new() })
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Writes into the body of a request, from a blocking thread.
pub(super) struct Outgoing {
    progress: Arc<Progress>,
    pieces: Sender<io::Result<Bytes>>,
    current: Vec<u8>,
}

/// A writer for a blocking thread, and the body that has what is written.
pub(super) fn outgoing(progress: Arc<Progress>) -> (Outgoing, StreamBody) {
    let (pieces, receiver) = channel::<io::Result<Bytes>>(PIECES);
    let frames = unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece.map(Frame::data), receiver))
    });
    (Outgoing { progress, pieces, current: Vec::with_capacity(PIECE) }, StreamBody::new(Body::new(frames)))
}

impl Outgoing {
    /// Breaks the body off, so that the daemon does not take half an archive for a whole one.
    pub(super) fn fail(self, error: &io::Error) {
        let _ = self.pieces.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
    }

    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.current, Vec::with_capacity(PIECE));
        self.progress.add(piece.len());
        // The daemon has answered already: nobody reads on.
        self.pieces.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Outgoing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let count = data.len().min(PIECE - self.current.len());
        self.current.extend_from_slice(&data[..count]);
        if self.current.len() == PIECE {
            self.send()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.current.is_empty() { Ok(()) } else { self.send() }
    }
}
