//! From a thread that writes to a client that reads, with a few chunks between them.

use crate::error::Result;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait.
const CHUNKS: usize = 4;

/// The bytes of an archive as they come. An error in it means that the archive is not whole.
#[derive(Debug)]
pub struct ArchiveStream(mpsc::Receiver<io::Result<Bytes>>);

impl Stream for ArchiveStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// The writing end. Writing fails once nobody reads any more.
#[derive(Debug)]
pub(super) struct Sink {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    buffer: BytesMut,
}

/// Both ends.
pub(super) fn channel() -> (Sink, ArchiveStream) {
    let (chunks, receiver) = mpsc::channel(CHUNKS);
    (Sink { chunks, buffer: BytesMut::with_capacity(CHUNK_BYTES) }, ArchiveStream(receiver))
}

impl Sink {
    /// A way to tell the reader that the archive breaks off.
    pub(super) fn breaker(&self) -> impl FnOnce(&crate::Error) + use<> {
        let chunks = self.chunks.clone();
        // Nobody may be reading.
        move |error| drop(chunks.blocking_send(Err(io::Error::other(error.to_string()))))
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        self.buffer.reserve(CHUNK_BYTES);
        self.chunks.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Runs `work` in the background, with a reader that is told if it breaks off.
pub(super) fn told<T>(sink: Sink, work: impl FnOnce(Sink) -> Result<T>) -> Result<T> {
    let breaker = sink.breaker();
    work(sink).inspect_err(|error| {
        tracing::debug!(%error, "an archive is not sent to its end");
        breaker(error);
    })
}
