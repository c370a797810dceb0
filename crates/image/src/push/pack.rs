//! Compressing a layer on its way out: blocks on all processors, one member of gzip in the end.
//!
//! Inputs: a plain file. Outputs: the same bytes for the same input on every machine, whatever their number of processors, so that a
//! registry that has the layer once need not get it again. Each block is an independent deflate stream that ends on a byte;
//! their concatenation is one stream, and the checksums of the blocks combine into that of the whole. What is dense already
//! ([`dense`]: archives, pictures, keys) is stored as it is: looking for repetitions there takes longest and finds nothing.
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

use super::dense;

/// Bytes of a block: large enough that what the blocks do not know of each other costs less than one percent.
const BLOCK_BYTES: usize = 512 << 10;
/// Trades size for time: 4 is a twentieth smaller and takes a third longer. Changing it changes the digest of every layer
/// that is packed.
const LEVEL: u32 = 2;
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
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    pack_on(threads, plain, target, place, growth)
}

fn pack_on(
    threads: usize,
    plain: &Path,
    target: &Path,
    place: &Workplace,
    growth: &watch::Sender<Growth>,
) -> Result<()> {
    let input = File::open(plain).map_err(Error::io("open", plain))?;
    let size = input.metadata().map_err(Error::io("read", plain))?.len();
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
    let mut crc = Crc::new();
    crc.update(plain);
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    // Enough for most; otherwise it grows.
    let mut packed = Vec::with_capacity(plain.len() / 2 + 1024);
    for run in dense::runs(plain) {
        if run.is_dense {
            store(&plain[run.bytes], &mut packed);
        } else {
            // What was stored is not in its window.
            deflate.reset();
            squeeze(&mut deflate, &plain[run.bytes], &mut packed)?;
        }
    }
    Ok(Block { packed, crc })
}

/// Stored blocks of deflate (RFC 1951, section 3.2.4). They begin and end on a byte.
fn store(plain: &[u8], packed: &mut Vec<u8>) {
    const MAX_STORED: usize = u16::MAX as usize;
    for part in plain.chunks(MAX_STORED) {
        let length = part.len() as u16;
        packed.push(0);
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&(!length).to_le_bytes());
        packed.extend_from_slice(part);
    }
}

/// Compresses so that it ends on a byte.
fn squeeze(deflate: &mut Compress, plain: &[u8], packed: &mut Vec<u8>) -> Result<()> {
    let broken = || Error::Malformed("a block cannot be compressed".to_owned());
    packed.reserve(plain.len() / 4 + 64);
    loop {
        let taken = usize::try_from(deflate.total_in()).map_err(|_| broken())?;
        let before = packed.len();
        let status =
            deflate.compress_vec(&plain[taken..], packed, FlushCompress::Sync).map_err(|_| broken())?;
        let is_done = taken == plain.len() || deflate.total_in() == plain.len() as u64;
        if is_done && packed.len() < packed.capacity() {
            return Ok(());
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

#[cfg(test)]
mod tests {
    use std::{fs, io::Read};

    use flate2::bufread::GzDecoder;

    use super::*;

    #[test]
    fn the_bytes_are_the_same_whoever_packs_them() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, packed) = (dir.path().join("plain"), |n: usize| dir.path().join(format!("packed-{n}")));
        for size in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 77] {
            let bytes: Vec<u8> = (0..size).map(|n| (n * n / 1000) as u8).collect();
            fs::write(&plain, &bytes).unwrap();
            let mut all = Vec::new();
            for threads in [1, 3] {
                let place = Workplace::make(dir.path().join(format!("place-{size}-{threads}"))).unwrap();
                let (growing, growth) = watch::channel(Growth::default());
                pack_on(threads, &plain, &packed(threads), &place, &growing).unwrap();
                let one = fs::read(packed(threads)).unwrap();
                let last = *growth.borrow();
                assert_eq!((last.bytes, last.plain), (one.len() as u64, size as u64));
                assert_eq!(last.whole, Some(Digest::of(&one)));
                all.push(one);
                fs::remove_file(packed(threads)).unwrap();
            }
            assert_eq!(all[0], all[1], "{size}");
            let mut decoder = GzDecoder::new(&all[0][..]);
            let mut back = Vec::new();
            decoder.read_to_end(&mut back).unwrap();
            assert!(back == bytes && decoder.into_inner().is_empty(), "{size}");
        }
    }

    #[test]
    fn what_does_not_compress_is_packed_too() {
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..BLOCK_BYTES)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        let packed = block(&noise).unwrap().packed;
        assert!(packed.len() < noise.len() + noise.len() / 1000);
        // Beside what does: each for itself, and all of it comes back.
        let text = b"lorem ipsum dolor ".repeat(3000);
        let mixed =
            [&text[..], &noise[..100_000], &text[..], &noise[100_000..130_000], &text[..777]].concat();
        let mut packed = block(&mixed).unwrap().packed;
        assert!(packed.len() < 130_000 + 30_000, "{}", packed.len());
        packed.extend_from_slice(&LAST_BLOCK);
        let mut back = Vec::new();
        flate2::bufread::DeflateDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
        assert!(back == mixed);
    }
}
