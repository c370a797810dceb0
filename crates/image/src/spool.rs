//! Writing a stream to a file of an operation while taking its digest. Blocks; for background threads.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use bytes::Bytes;

use crate::{
    Error, Result,
    digest::{Digest, Hasher},
    store::Workplace,
};

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 128 << 10;
/// Chunks that may wait for their digest.
const CHUNKS: usize = 8;
/// Largest stream that is taken in, in bytes: a layer, compressed or not.
pub(crate) const MAX_BLOB_BYTES: u64 = 64 << 30;

/// A file that was written, its digest and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spooled {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// Writes what `read` gives, until it gives 0, to a new file.
pub(crate) fn spool(
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
    path: &Path,
    place: &Workplace,
) -> Result<Spooled> {
    fault::point("image: spool blob");
    let mut file = File::create_new(path).map_err(Error::io("create", path))?;
    let mut copy = |digest: &mut dyn FnMut(Bytes)| -> Result<u64> {
        let mut size = 0;
        loop {
            let chunk = chunk(&mut read)?;
            if chunk.is_empty() {
                return Ok(size);
            }
            if place.is_cancelled() {
                return Err(Error::Closed);
            }
            size += chunk.len() as u64;
            if size > MAX_BLOB_BYTES {
                return Err(Error::TooLarge { what: "a layer".to_owned(), limit: MAX_BLOB_BYTES });
            }
            file.write_all(&chunk).map_err(Error::io("write", path))?;
            digest(chunk);
        }
    };
    thread::scope(|scope| {
        // A thread pays off only for what is longer than one chunk.
        let mut start = Hasher::default();
        let mut far: Option<(SyncSender<Bytes>, thread::ScopedJoinHandle<'_, Digest>)> = None;
        let mut is_first = true;
        let size = copy(&mut |chunk| {
            if std::mem::take(&mut is_first) {
                return start.update(&chunk);
            }
            let (chunks, _) = far.get_or_insert_with(|| {
                let (sender, receiver) = sync_channel::<Bytes>(CHUNKS);
                let mut hasher = std::mem::take(&mut start);
                let digest = move || {
                    receiver.into_iter().for_each(|chunk| hasher.update(&chunk));
                    hasher.finish()
                };
                (sender, scope.spawn(digest))
            });
            // The thread ends only after the sender is gone.
            let _ = chunks.send(chunk);
        })?;
        let digest = match far {
            None => start.finish(),
            Some((chunks, thread)) => {
                drop(chunks);
                thread.join().map_err(|_| Error::Closed)?
            }
        };
        Ok(Spooled { digest, size })
    })
}

/// A whole chunk, or what is left.
fn chunk(read: &mut impl FnMut(&mut [u8]) -> Result<usize>) -> Result<Bytes> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut filled = 0;
    while filled < chunk.len() {
        match read(&mut chunk[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    chunk.truncate(filled);
    Ok(Bytes::from(chunk))
}
