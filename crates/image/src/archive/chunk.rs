//! Streams in chunks that several threads read without copying them: pooled buffers, and a channel of them as a reader.

use std::{
    io::{self, BufRead, Read},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use bytes::{Buf, Bytes};

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
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer =
            Buffer { bytes: spare.unwrap_or_else(|| vec![0; CHUNK_BYTES]), filled: 0, pool: self.clone() };
        while buffer.filled < CHUNK_BYTES {
            match input.read(&mut buffer.bytes[buffer.filled..]) {
                Ok(0) => break,
                Ok(read) => buffer.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if buffer.filled == 0 { Bytes::new() } else { Bytes::from_owner(buffer) })
    }
}

/// A buffer that goes back to its pool when the last reader has let go of it.
struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    pool: Pool,
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

/// What goes through the channel. The stream ends when its sender goes.
pub(crate) type Chunk = io::Result<Bytes>;

/// A stream of chunks: the end that sends, and the end that reads.
pub(crate) fn chunks() -> (SyncSender<Chunk>, Chunks) {
    let (sender, receiver) = sync_channel(QUEUE);
    (sender, Chunks { receiver, current: Bytes::new() })
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Chunks {
    receiver: Receiver<Chunk>,
    current: Bytes,
}

impl Chunks {
    /// The next chunk as it came; empty at the end.
    pub(crate) fn next(&mut self) -> Chunk {
        self.fill_buf()?;
        Ok(std::mem::take(&mut self.current))
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() {
            match self.receiver.recv() {
                Ok(chunk) => self.current = chunk?,
                Err(_) => break,
            }
        }
        Ok(&self.current)
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
        let mut text = String::new();
        chunks.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcd");
    }
}
