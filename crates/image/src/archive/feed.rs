//! From an asynchronous stream to a thread that reads: a bounded channel of chunks.

use std::io::{self, Read};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 128 << 10;
/// Chunks that may wait.
const CHUNKS: usize = 8;

/// The reading end. It reads to the end of the stream, or to the error that broke it.
#[derive(Debug)]
pub struct Feed {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    ended: bool,
}

/// The reading end for a thread, and the future that fills it.
pub fn feed(input: impl AsyncRead + Send + Unpin + 'static) -> (Feed, impl Future<Output = ()> + Send) {
    let (filler, chunks) = mpsc::channel(CHUNKS);
    (Feed { chunks, current: Bytes::new(), ended: false }, fill(input, filler))
}

async fn fill(mut input: impl AsyncRead + Send + Unpin, filler: mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        let read = input.read_buf(&mut buffer).await;
        // An empty chunk marks the end, so that a future that is dropped half-way is told from a stream that ends.
        let (chunk, last) = match read {
            Ok(0) => (Ok(Bytes::new()), true),
            Ok(_) => (Ok(buffer.split().freeze()), false),
            Err(error) => (Err(error), true),
        };
        if filler.send(chunk).await.is_err() || last {
            return;
        }
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Ok(chunk)) if chunk.is_empty() => self.ended = true,
                Some(Ok(chunk)) => self.current = chunk,
                Some(Err(error)) => return Err(error),
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let taken = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}
