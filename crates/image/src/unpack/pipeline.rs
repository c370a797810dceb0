//! The threads of one unpacking: take in, take digests, decompress, apply. One pass over the bytes, which are shared and not
//! copied on their way.
//!
//! ```text
//!  source ─→ blob file ─┬─→ digest of the blob
//!                       └─→ [ decompress ─┬─→ digest of the plain archive ]
//!                                         └─→ apply to the directory
//! ```
//! For a plain archive the first digest is also the second, and nothing decompresses.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::SyncSender,
    },
    thread::{self, Scope, ScopedJoinHandle},
};

use bytes::Bytes;

use super::{apply::apply, ground};
use crate::{
    Error, Result,
    archive::{Chunk, Chunks, Compression, MAGIC_BYTES, Pool, chunks, undo},
    digest::{Digest, Hasher},
    spool::{MAX_BLOB_BYTES, Spooled},
    store::Workplace,
};

/// A layer that is unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacked {
    /// Digest of the plain archive.
    pub(crate) diff_id: Digest,
    /// Digest of the bytes as they came.
    pub(crate) blob_digest: Digest,
    /// Bytes of its files.
    pub(crate) size_bytes: u64,
    /// Bytes as they came.
    pub(crate) blob_size: u64,
    /// How the blob is compressed.
    pub(crate) compression: Compression,
}

/// Bytes that were taken in, and what became of the attempt to unpack them.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) blob: Spooled,
    /// None if no directory was given.
    pub(crate) layer: Option<Result<Unpacked>>,
}

/// Takes in a layer in one pass: its bytes, compressed or not, go to the new file `blob`, its files to the new directory
/// `layer`. Blocks.
///
/// The caller compares the digests and throws both away if they are wrong: nothing sees them before.
pub(crate) fn unpack_chunks(
    mut source: Chunks,
    blob: &Path,
    layer: &Path,
    place: &Workplace,
) -> Result<Unpacked> {
    let mut next = || source.take_bytes(usize::MAX).map_err(Error::Input);
    let taken = run(&mut next, Some(blob), Some(layer), false, place)?;
    taken.layer.unwrap_or(Err(Error::Closed))
}

/// Takes in what `next` gives, until it gives none, and unpacks it if `layer` is given; goes on to the end whatever becomes
/// of unpacking. Blocks.
///
/// For what turns out only at the end to be a layer, or to be needed as a blob alone.
pub(crate) fn take_in(
    next: &mut dyn FnMut() -> Result<Bytes>,
    blob: &Path,
    layer: Option<&Path>,
    place: &Workplace,
) -> Result<Taken> {
    run(next, Some(blob), layer, true, place)
}

/// Unpacks the blob at `source` to the new directory `target`. Blocks.
pub(crate) fn unpack(source: &Path, target: &Path, place: &Workplace) -> Result<Unpacked> {
    let mut file = Reader::new(File::open(source).map_err(Error::io("open", source))?);
    let taken = run(&mut || file.next(), None, Some(target), false, place)?;
    taken.layer.unwrap_or(Err(Error::Closed))
}

/// A stream as chunks.
struct Reader<R> {
    source: R,
    pool: Pool,
}

impl<R: Read> Reader<R> {
    fn new(source: R) -> Reader<R> {
        Reader { source, pool: Pool::default() }
    }

    fn next(&mut self) -> Result<Bytes> {
        self.pool.fill(&mut self.source).map_err(Error::Input)
    }
}

fn run(
    next: &mut dyn FnMut() -> Result<Bytes>,
    blob: Option<&Path>,
    layer: Option<&Path>,
    to_the_end: bool,
    place: &Workplace,
) -> Result<Taken> {
    let has_failed = AtomicBool::new(false);
    thread::scope(|scope| {
        let file = blob.map(|path| {
            fault::point("image: spool blob");
            File::create_new(path).map(|file| (file, path)).map_err(Error::io("create", path))
        });
        let (to_digest, digest) = spawn_digest(scope);
        let branch = layer.map(|layer| Branch::start(scope, layer, place, &has_failed)).transpose()?;
        let (to_branch, layer) = branch.map(|branch| (branch.to, branch.layer)).unzip();
        let mut intake = Intake { file: file.transpose()?, to_digest, to_branch, size: 0 };
        // Nobody needs the rest once unpacking has failed.
        let wanted = || to_the_end || !has_failed.load(Ordering::Relaxed);
        let taken = intake.all(next, &wanted, place);
        let size = intake.size;
        drop(intake);
        let digest = digest.join().map_err(|_| Error::Closed);
        let layer = layer.map(|layer| layer.join().map_err(|_| Error::Closed));
        taken?;
        let blob = Spooled { digest: digest?, size };
        let layer = layer.transpose()?.map(|layer| layer.map(|layer| layer.complete(blob)));
        Ok(Taken { blob, layer })
    })
}

/// What is done with each chunk as it comes.
struct Intake<'a> {
    file: Option<(File, &'a Path)>,
    to_digest: SyncSender<Chunk>,
    to_branch: Option<SyncSender<Chunk>>,
    size: u64,
}

impl Intake<'_> {
    fn all(
        &mut self,
        next: &mut dyn FnMut() -> Result<Bytes>,
        wanted: &dyn Fn() -> bool,
        place: &Workplace,
    ) -> Result<()> {
        while wanted() {
            if place.is_cancelled() {
                return Err(Error::Closed);
            }
            let chunk = next()?;
            if chunk.is_empty() {
                break;
            }
            self.size += chunk.len() as u64;
            if self.size > MAX_BLOB_BYTES {
                return Err(Error::TooLarge { what: "a layer".to_owned(), limit: MAX_BLOB_BYTES });
            }
            // Whoever reads no more has failed, or has all that it needs.
            self.to_branch = self.to_branch.take().filter(|to| to.send(Ok(chunk.clone())).is_ok());
            if let Some((file, path)) = &mut self.file {
                file.write_all(&chunk).map_err(Error::io("write", *path))?;
            }
            // The thread ends only after the sender is gone.
            let _ = self.to_digest.send(Ok(chunk));
        }
        Ok(())
    }
}

/// The threads that unpack what is taken in.
struct Branch<'scope> {
    to: SyncSender<Chunk>,
    layer: ScopedJoinHandle<'scope, Result<Applied>>,
}

/// What is known without the blob's digest.
struct Applied {
    /// None for a plain archive.
    diff_id: Option<Digest>,
    size_bytes: u64,
    compression: Compression,
}

impl Applied {
    fn complete(self, blob: Spooled) -> Unpacked {
        let Applied { diff_id, size_bytes, compression } = self;
        let diff_id = diff_id.unwrap_or(blob.digest);
        Unpacked { diff_id, blob_digest: blob.digest, size_bytes, blob_size: blob.size, compression }
    }
}

impl<'scope> Branch<'scope> {
    fn start(
        scope: &'scope Scope<'scope, '_>,
        layer: &Path,
        place: &Workplace,
        has_failed: &'scope AtomicBool,
    ) -> Result<Branch<'scope>> {
        let diff = ground::make(layer, place)?;
        let (to, source) = chunks();
        let layer = scope.spawn(move || {
            let applied = branch(scope, source, &diff);
            has_failed.store(applied.is_err(), Ordering::Relaxed);
            applied
        });
        Ok(Branch { to, layer })
    }
}

fn branch<'scope>(scope: &'scope Scope<'scope, '_>, mut source: Chunks, diff: &Path) -> Result<Applied> {
    let compression = Compression::of(source.peek(MAGIC_BYTES).map_err(Error::Input)?)?;
    if compression == Compression::None {
        return Ok(Applied { diff_id: None, size_bytes: apply(source, diff)?, compression });
    }
    let compressed = undo(compression, source)?;
    let (to_apply, plain) = chunks();
    let (to_digest, digest) = spawn_digest(scope);
    scope.spawn(move || Pool::default().pump(compressed, &[to_apply, to_digest]));
    let size_bytes = apply(plain, diff)?;
    let diff_id = digest.join().map_err(|_| Error::Closed)?;
    Ok(Applied { diff_id: Some(diff_id), size_bytes, compression })
}

fn spawn_digest<'scope>(
    scope: &'scope Scope<'scope, '_>,
) -> (SyncSender<Chunk>, ScopedJoinHandle<'scope, Digest>) {
    let (to, mut bytes) = chunks();
    let digest = move || {
        let mut hasher = Hasher::default();
        while let Ok(chunk) = bytes.take_bytes(usize::MAX)
            && !chunk.is_empty()
        {
            hasher.update(&chunk);
        }
        hasher.finish()
    };
    (to, scope.spawn(digest))
}
