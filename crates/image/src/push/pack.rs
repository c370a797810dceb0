//! Compressing a layer on its way out: blocks on all processors, one member of gzip in the end.
//!
//! Inputs: a plain file. Outputs: the same bytes for the same input on every machine, whatever their number of processors, so that a
//! registry that has the layer once need not get it again. Each block is an independent deflate stream that ends on a byte;
//! their concatenation is one stream, and the checksums of the blocks combine into that of the whole.
//! Source: RFC 1951, RFC 1952; the idea is pigz's.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use tokio::sync::watch;

use crate::{
    Error, Result,
    digest::{Digest, Hasher},
    registry::Growth,
    store::Workplace,
};

/// Bytes of a block: large enough that what the blocks do not know of each other costs less than one percent.
const BLOCK_BYTES: usize = 512 << 10;
/// Trades size for time; changing it changes the digest of every layer that is packed.
const LEVEL: u32 = 4;
/// Threads of one layer.
const MAX_THREADS: usize = 16;
/// Finished blocks of a thread that may wait for their turn.
const WAITING: usize = 2;
/// No name, no time, no operating system: nothing that could differ.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// An empty block of fixed codes with the mark of the last one.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// A block, compressed.
struct Block {
    packed: Vec<u8>,
    crc: Crc,
}

/// Compresses a file into a new one, and tells how far it is.
pub(super) fn pack(
    plain: &Path,
    target: &Path,
    place: &Workplace,
    growth: &watch::Sender<Growth>,
) -> Result<()> {
    let input = File::open(plain).map_err(Error::io("open", plain))?;
    let size = input.metadata().map_err(Error::io("read", plain))?.len();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    thread::scope(|scope| {
        let queues: Vec<Receiver<Result<Block>>> = (0..threads)
            .map(|first| {
                let (to, queue) = sync_channel(WAITING);
                let input = &input;
                scope.spawn(move || compress(input, plain, size, (first, threads), &to));
                queue
            })
            .collect();
        // The queues end with this call, and with them the threads that wait for a place in one.
        write(queues, size, target, place, growth)
    })
}

/// Compresses every `step`th block.
fn compress(
    input: &File,
    path: &Path,
    size: u64,
    (first, step): (usize, usize),
    to: &SyncSender<Result<Block>>,
) {
    let mut plain = vec![0; BLOCK_BYTES];
    for number in (first as u64..).step_by(step) {
        let begin = number * BLOCK_BYTES as u64;
        if begin >= size {
            return;
        }
        let length = usize::try_from(size - begin).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let read = input.read_exact_at(&mut plain[..length], begin).map_err(Error::io("read", path));
        if to.send(read.and_then(|()| block(&plain[..length]))).is_err() {
            return;
        }
    }
}

fn block(plain: &[u8]) -> Result<Block> {
    let broken = || Error::Malformed("a block cannot be compressed".to_owned());
    let mut crc = Crc::new();
    crc.update(plain);
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    // Enough for what does not compress at all; otherwise the loop adds.
    let mut packed = Vec::with_capacity(plain.len() / 2 + 1024);
    loop {
        let taken = usize::try_from(deflate.total_in()).map_err(|_| broken())?;
        let before = packed.len();
        let status =
            deflate.compress_vec(&plain[taken..], &mut packed, FlushCompress::Sync).map_err(|_| broken())?;
        let is_done = taken == plain.len() || deflate.total_in() == plain.len() as u64;
        if is_done && packed.len() < packed.capacity() {
            return Ok(Block { packed, crc });
        }
        if status == Status::BufError && packed.len() == before && packed.len() < packed.capacity() {
            return Err(broken());
        }
        packed.reserve(packed.capacity().max(1024));
    }
}

/// Puts the blocks one behind the other.
fn write(
    queues: Vec<Receiver<Result<Block>>>,
    size: u64,
    target: &Path,
    place: &Workplace,
    growth: &watch::Sender<Growth>,
) -> Result<()> {
    fault::point("image: pack layer");
    let mut file = File::create_new(target).map_err(Error::io("create", target))?;
    let (mut hasher, mut crc, mut bytes) = (Hasher::default(), Crc::new(), 0);
    let mut append = |part: &[u8]| -> Result<u64> {
        file.write_all(part).map_err(Error::io("write", target))?;
        hasher.update(part);
        bytes += part.len() as u64;
        Ok(bytes)
    };
    append(&HEADER)?;
    for (number, queue) in (0..size.div_ceil(BLOCK_BYTES as u64)).zip(queues.iter().cycle()) {
        if place.is_cancelled() {
            return Err(Error::Closed);
        }
        let block = queue.recv().map_err(|_| Error::Closed)??;
        crc.combine(&block.crc);
        let bytes = append(&block.packed)?;
        let plain = ((number + 1) * BLOCK_BYTES as u64).min(size);
        growth.send_replace(Growth { bytes, whole: None, plain });
    }
    append(&LAST_BLOCK)?;
    append(&crc.sum().to_le_bytes())?;
    // RFC 1952: the size modulo 2^32.
    let bytes = append(&crc.amount().to_le_bytes())?;
    let digest: Digest = hasher.finish();
    growth.send_replace(Growth { bytes, whole: Some(digest), plain: size });
    Ok(())
}
