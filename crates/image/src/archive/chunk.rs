//! Streams in chunks that several threads read without copying them: pooled buffers, and a channel of them as a reader.

use std::{
    io::{self, BufRead, Read},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
};

/// Bytes of a chunk: as large as stays in a core's own cache, so that who reads it second finds it there.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that may wait for a reader.
const QUEUE: usize = 8;

/// Buffers that are used again: a new one of this size costs the kernel more than filling it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pool {
    /// A chunk filled from `input`: whole, or what is left; empty at the end.
    pub(crate) fn fill(&self, mut input: impl Read) -> io::Result<Bytes> {
        let mut buffer = self.buffer();
        while buffer.filled < CHUNK_BYTES {
            match input.read(&mut buffer.bytes[buffer.filled..]) {
                Ok(0) => break,
                Ok(read) => buffer.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(buffer.into_bytes())
    }

    /// The same for a task. A body comes in pieces of a few kilobytes, each of which would wake every reader.
    pub(super) async fn gather(&self, input: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
        let mut buffer = self.buffer();
        while buffer.filled < CHUNK_BYTES {
            match input.read(&mut buffer.bytes[buffer.filled..]).await? {
                0 => break,
                read => buffer.filled += read,
            }
        }
        Ok(buffer.into_bytes())
    }

    fn buffer(&self) -> Buffer {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer { bytes: spare.unwrap_or_else(|| vec![0; CHUNK_BYTES]), filled: 0, pool: self.clone() }
    }

    /// Sends all of `input` to each of `readers`, or the error that ends it to the first. Ends early when one of them does.
    pub(crate) fn pump(&self, mut input: impl Read, readers: &[SyncSender<Chunk>]) {
        loop {
            match self.fill(&mut input) {
                Ok(chunk) if chunk.is_empty() => return,
                Ok(chunk) => {
                    if !readers.iter().all(|reader| reader.send(Ok(chunk.clone())).is_ok()) {
                        return;
                    }
                }
                Err(error) => {
                    if let Some(reader) = readers.first() {
                        // A reader that is gone has an error of its own, which came first.
                        let _ = reader.send(Err(error));
                    }
                    return;
                }
            }
        }
    }
}

/// A buffer that goes back to its pool when the last reader has let go of it.
struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    pool: Pool,
}

impl Buffer {
    fn into_bytes(self) -> Bytes {
        if self.filled == 0 { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.spare.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

/// What goes through a channel of chunks.
pub(crate) type Chunk = io::Result<Bytes>;

/// A stream between threads. It ends when its sender goes; who fails sends the error first.
pub(crate) fn chunks() -> (SyncSender<Chunk>, Chunks) {
    let (sender, receiver) = sync_channel(QUEUE);
    (sender, Chunks { from: From::Thread(receiver), current: Bytes::new() })
}

/// The reading end of a stream of chunks. It reads to the end of the stream, or to the error that broke it.
#[derive(Debug)]
pub struct Chunks {
    from: From,
    current: Bytes,
}

#[derive(Debug)]
enum From {
    Thread(Receiver<Chunk>),
    /// Ends with an empty chunk: a future that is dropped half-way is told from a stream that ends.
    Task(mpsc::Receiver<Chunk>),
    Nobody,
}

impl Chunks {
    /// A stream from a future, which sends an empty chunk at its end.
    pub(super) fn from_task(receiver: mpsc::Receiver<Chunk>) -> Chunks {
        Chunks { from: From::Task(receiver), current: Bytes::new() }
    }

    fn receive(&mut self) -> Chunk {
        let chunk = match &mut self.from {
            From::Thread(receiver) => match receiver.recv() {
                Ok(chunk) if chunk.as_ref().is_ok_and(Bytes::is_empty) => return self.receive(),
                Ok(chunk) => chunk,
                Err(_) => Ok(Bytes::new()),
            },
            From::Task(receiver) => {
                receiver.blocking_recv().unwrap_or_else(|| Err(io::ErrorKind::ConnectionAborted.into()))
            }
            From::Nobody => Ok(Bytes::new()),
        };
        if !chunk.as_ref().is_ok_and(|chunk| !chunk.is_empty()) {
            self.from = From::Nobody;
        }
        chunk
    }

    /// At most so many of the next bytes, as they came; empty at the end.
    pub(crate) fn take_bytes(&mut self, most: usize) -> Chunk {
        let there = self.fill_buf()?.len();
        Ok(self.current.split_to(there.min(most)))
    }

    /// The next bytes, at least so many unless the stream ends before; they stay in the stream.
    pub(crate) fn peek(&mut self, least: usize) -> io::Result<&[u8]> {
        while self.current.len() < least {
            let more = self.receive()?;
            if more.is_empty() {
                break;
            }
            if self.current.is_empty() {
                self.current = more;
            } else {
                let mut joined = BytesMut::from(&self.current[..]);
                joined.extend_from_slice(&more);
                self.current = joined.freeze();
            }
        }
        Ok(&self.current)
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, bytes: usize) {
        self.current.advance(bytes);
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.fill_buf()?.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        let pool = Pool::default();
        let chunk = pool.fill(&[7; CHUNK_BYTES + 1][..]).unwrap();
        let shared = chunk.clone();
        drop(chunk);
        assert_eq!((shared.len(), pool.spare.lock().unwrap().len()), (CHUNK_BYTES, 0));
        drop(shared);
        assert_eq!(pool.spare.lock().unwrap().len(), 1);
        assert_eq!(&pool.fill(&b"short"[..]).unwrap()[..], b"short");
        assert!(pool.fill(&b""[..]).unwrap().is_empty());
    }

    #[test]
    fn a_stream_is_read_across_chunks_and_ends_with_its_sender() {
        let (sender, mut chunks) = chunks();
        for part in [&b"ab"[..], b"", b"cd"] {
            sender.send(Ok(Bytes::from_static(part))).unwrap();
        }
        drop(sender);
        assert_eq!(chunks.peek(3).unwrap(), b"abcd");
        assert_eq!(&chunks.take_bytes(1).unwrap()[..], b"a");
        let mut text = String::new();
        chunks.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), chunks.take_bytes(9).unwrap().len()), ("bcd", 0));
    }

    #[test]
    fn a_future_that_goes_before_its_end_is_an_error() {
        let (sender, receiver) = mpsc::channel(4);
        sender.try_send(Ok(Bytes::from_static(b"ab"))).unwrap();
        drop(sender);
        let error = Chunks::from_task(receiver).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
