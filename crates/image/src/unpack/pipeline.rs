//! The threads of one unpacking: decompress, take the digest, apply.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use bytes::{Buf, Bytes};

use super::apply::apply;
use crate::{
    Error, Result,
    archive::{Compression, decompress},
    digest::{Digest, Hasher},
    store::{DIFF, Workplace},
};

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait for each reader.
const CHUNKS: usize = 16;

/// A layer that is unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacked {
    /// Digest of the plain archive.
    pub(crate) diff_id: Digest,
    /// Bytes of its files.
    pub(crate) size_bytes: u64,
    /// How the blob is compressed.
    pub(crate) compression: Compression,
}

/// Unpacks the blob at `source`, whose digest is `blob`, to the new directory `target`. Blocks.
///
/// The caller compares the digest and throws the directory away if it is wrong: nothing sees it before.
pub(crate) fn unpack(source: &Path, blob: Digest, target: &Path, place: &Workplace) -> Result<Unpacked> {
    let diff = target.join(DIFF);
    fault::point("image: unpack layer");
    fs::create_dir_all(&diff).map_err(Error::io("create", &diff))?;
    // Archives need not name their root; the daemon's umask does not decide for them.
    let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(&diff, mode).map_err(Error::io("change the mode of", &diff))?;
    let file = File::open(source).map_err(Error::io("open", source))?;
    let (compression, plain) = decompress(Cancellable { input: file, place })?;
    if compression == Compression::None {
        // The blob is the plain archive, and its digest is known already.
        let size_bytes = apply(plain, &diff)?;
        return Ok(Unpacked { diff_id: blob, size_bytes, compression });
    }
    let (to_apply, chunks) = sync_channel(CHUNKS);
    let (to_digest, more_chunks) = sync_channel(CHUNKS);
    thread::scope(|scope| {
        scope.spawn(move || read(plain, &to_apply, &to_digest));
        let digest = scope.spawn(move || digest(more_chunks));
        let size_bytes = apply(Chunks { chunks, current: Bytes::new() }, &diff)?;
        let diff_id = digest.join().map_err(|_| Error::Closed)?;
        Ok(Unpacked { diff_id, size_bytes, compression })
    })
}

type Chunk = io::Result<Bytes>;

/// Ends when the stream does, with an empty chunk, or when a reader went away.
fn read(mut plain: impl Read, to_apply: &SyncSender<Chunk>, to_digest: &SyncSender<Bytes>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = plain.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
        let chunk = match read {
            Ok(_) => Bytes::from(chunk),
            Err(error) => {
                // Nobody listens if applying failed first, which is the error that counts.
                let _ = to_apply.send(Err(error));
                return;
            }
        };
        let last = chunk.is_empty();
        let is_lost = to_digest.send(chunk.clone()).is_err() || to_apply.send(Ok(chunk)).is_err();
        if last || is_lost {
            return;
        }
    }
}

fn digest(chunks: Receiver<Bytes>) -> Digest {
    let mut hasher = Hasher::default();
    for chunk in chunks {
        hasher.update(&chunk);
    }
    hasher.finish()
}

/// Chunks as a stream.
struct Chunks {
    chunks: Receiver<Chunk>,
    current: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() {
            // The sender is gone after the last, empty chunk.
            self.current = self.chunks.recv().unwrap_or_else(|_| Ok(Bytes::new()))?;
        }
        let taken = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

/// A file that can no longer be read once its operation is cancelled.
struct Cancellable<'a> {
    input: File,
    place: &'a Workplace,
}

impl Read for Cancellable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.place.is_cancelled() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.input.read(buffer)
    }
}
