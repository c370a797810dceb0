//! Which parts of a block no compressor makes smaller. Pure; the same answer on every machine.
//!
//! A piece is dense if its bytes are spread as evenly as noise and hardly any four bytes in it have been seen shortly before.

use std::ops::Range;

/// So much is judged at once: enough bytes for their distribution to mean something.
const PIECE_BYTES: usize = 8 << 10;
/// Below so many bits per byte (of collision entropy, in 1/2^bits) there is something to gain: 2^7.9 = 239.
const EVENNESS: u64 = 239;
/// Deflate's window.
const WINDOW_BYTES: usize = 32 << 10;
/// One place in so many, chosen by what stands there, is looked up and remembered.
const ANCHOR_BITS: u32 = 4;
/// Places remembered.
const TABLE_BITS: u32 = 12;
/// Knuth's multiplier (The Art of Computer Programming, volume 3, section 6.4).
const MULTIPLIER: u32 = 2_654_435_761;
/// If more than one in so many has been seen before, it is no noise.
const MAX_SEEN: usize = 16;

/// Neighbouring pieces of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) is_dense: bool,
    pub(super) bytes: Range<usize>,
}

/// Takes a block apart.
pub(super) fn runs(block: &[u8]) -> Vec<Run> {
    let mut seen = Seen { places: vec![0; 1 << TABLE_BITS] };
    let mut runs: Vec<Run> = Vec::new();
    for begin in (0..block.len()).step_by(PIECE_BYTES) {
        let end = (begin + PIECE_BYTES).min(block.len());
        // A short end is not worth a judgement.
        let is_dense =
            end - begin == PIECE_BYTES && is_even(&block[begin..end]) && seen.is_new(block, begin..end);
        match runs.last_mut() {
            Some(last) if last.is_dense == is_dense => last.bytes.end = end,
            _ => runs.push(Run { is_dense, bytes: begin..end }),
        }
    }
    runs
}

/// Whether every value occurs about as often as any other: the chance that two bytes are the same is about 1/256.
fn is_even(piece: &[u8]) -> bool {
    let mut counts = [0_u32; 256];
    for byte in piece {
        counts[usize::from(*byte)] += 1;
    }
    let pairs: u64 =
        counts.iter().map(|count| u64::from(*count)).map(|count| count * count.saturating_sub(1)).sum();
    let length = piece.len() as u64;
    pairs * EVENNESS < length * length
}

/// Where some of the fours of a block have been seen last.
struct Seen {
    /// Places plus one, by a hash of what stands there.
    places: Vec<u32>,
}

impl Seen {
    /// Whether hardly anything of this piece was seen within the window before. Only pieces that are asked about are remembered:
    /// the others are not like them.
    fn is_new(&mut self, block: &[u8], piece: Range<usize>) -> bool {
        let (mut anchors, mut known) = (0, 0);
        for place in piece.start..piece.end - 3 {
            let four = four(block, place);
            let hash = four.wrapping_mul(MULTIPLIER);
            if hash >> (u32::BITS - ANCHOR_BITS) != 0 {
                continue;
            }
            anchors += 1;
            let slot = &mut self.places[(hash >> (u32::BITS - ANCHOR_BITS - TABLE_BITS)) as usize];
            if let Some(before) = slot.checked_sub(1).map(|before| before as usize)
                && place - before <= WINDOW_BYTES
                && self::four(block, before) == four
            {
                known += 1;
            }
            *slot = place as u32 + 1;
        }
        known * MAX_SEEN <= anchors
    }
}

fn four(block: &[u8], place: usize) -> u32 {
    let bytes: [u8; 4] = std::array::from_fn(|index| block.get(place + index).copied().unwrap_or_default());
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn kinds(block: &[u8]) -> Vec<(bool, usize)> {
        runs(block).into_iter().map(|run| (run.is_dense, run.bytes.len())).collect()
    }

    #[test]
    fn noise_is_dense_and_text_is_not() {
        let text = b"fn main() { println!(\"hello\") }\n".repeat(1000);
        assert_eq!(kinds(&noise(5 * PIECE_BYTES)), [(true, 5 * PIECE_BYTES)]);
        assert_eq!(kinds(&text), [(false, text.len())]);
        assert_eq!(kinds(&[]), []);
        assert_eq!(kinds(&noise(PIECE_BYTES + 5)), [(true, PIECE_BYTES), (false, 5)]);
        let both = [&noise(2 * PIECE_BYTES)[..], &text[..PIECE_BYTES]].concat();
        assert_eq!(kinds(&both), [(true, 2 * PIECE_BYTES), (false, PIECE_BYTES)]);
    }

    #[test]
    fn noise_that_comes_again_is_not_dense() {
        // Not at a multiple of anything.
        let again = noise(10_001).repeat(4);
        let dense: usize = runs(&again).iter().filter(|run| run.is_dense).map(|run| run.bytes.len()).sum();
        assert_eq!(dense, PIECE_BYTES, "only the first of it");
    }

    #[test]
    fn every_byte_is_in_one_run() {
        let block = [&noise(50_000)[..], &vec![0; 50_000], &noise(3)].concat();
        let runs = runs(&block);
        assert_eq!(runs.first().unwrap().bytes.start, 0);
        assert_eq!(runs.last().unwrap().bytes.end, block.len());
        assert!(runs.windows(2).all(|pair| pair[0].bytes.end == pair[1].bytes.start));
    }
}
