//! From an asynchronous stream to a thread that reads: a bounded channel of chunks.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::{io::AsyncRead, sync::mpsc};

use super::chunk::{Chunk, Chunks, Pool};

/// Chunks that may wait.
const CHUNKS: usize = 8;

/// The reading end for a thread, and the future that fills it.
pub fn feed(input: impl AsyncRead + Send + Unpin + 'static) -> (Chunks, impl Future<Output = ()> + Send) {
    let (filler, chunks) = mpsc::channel(CHUNKS);
    (Chunks::from_task(chunks), fill(input, filler))
}

/// The same for a stream of chunks, which are not copied.
pub(crate) fn feed_chunks(
    input: impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
) -> (Chunks, impl Future<Output = ()> + Send) {
    let (filler, chunks) = mpsc::channel(CHUNKS);
    (Chunks::from_task(chunks), fill_chunks(input, filler))
}

async fn fill_chunks(
    mut input: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    filler: mpsc::Sender<Chunk>,
) {
    while let Some(chunk) = input.next().await {
        let is_empty = chunk.as_ref().is_ok_and(Bytes::is_empty);
        if !is_empty && filler.send(chunk).await.is_err() {
            return;
        }
    }
    // Nobody waits for the end who went away before it.
    let _ = filler.send(Ok(Bytes::new())).await;
}

async fn fill(mut input: impl AsyncRead + Send + Unpin, filler: mpsc::Sender<Chunk>) {
    let pool = Pool::default();
    loop {
        let chunk = pool.gather(&mut input).await;
        let is_last = !chunk.as_ref().is_ok_and(|chunk| !chunk.is_empty());
        if filler.send(chunk).await.is_err() || is_last {
            return;
        }
    }
}
