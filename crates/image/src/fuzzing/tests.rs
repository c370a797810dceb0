//! The kept corpus through every target, as it is and with mutations that are the same in each run.
//!
//! What a fuzzer finds is fixed, and its input kept: here it is tried for ever after. `SHOAL_SOAK=1` mutates longer.

use std::{fs, path::PathBuf};

use super::*;

/// Mutations of each kept input.
const ROUNDS: usize = 20;
/// The same where each takes milliseconds.
const FEW_ROUNDS: usize = 5;
/// How many times more in a soak.
const SOAK: usize = 100;

/// Pieces that formats are made of, which random bytes hardly hit.
const WORDS: [&[u8]; 16] = [
    b"../",
    b"/",
    b".wh.",
    b".wh..wh..opq",
    b"\0",
    b"path=",
    b"linkpath=",
    b"size=",
    b"SCHILY.xattr.trusted.overlay.redirect=",
    b"sha256:",
    b"\"manifests\":[],",
    b"\"layers\":null,",
    b"null",
    b"18446744073709551615",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"[[[[[[[[",
];

/// A small generator of numbers (xorshift), so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                2 => bytes.truncate(at),
                3 => drop(bytes.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
                4 => {
                    let word = WORDS[self.below(WORDS.len())];
                    let end = (at + word.len()).min(bytes.len());
                    bytes.splice(at..end, word.iter().copied());
                }
                _ => {
                    let end = (at + self.below(1024)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, piece);
                }
            }
        }
    }
}

/// Every kept input of a target, and what becomes of it.
fn replay(target: &str, rounds: usize, mut run: impl FnMut(&[u8])) {
    let directory: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../fuzz/corpus", target].iter().collect();
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no inputs", directory.display());
    let rounds = if std::env::var_os("SHOAL_SOAK").is_some() { rounds * SOAK } else { rounds };
    let mut dice = Dice(0x5ea1_ed0c_0ffe_e5ea);
    for file in files {
        let kept = fs::read(&file).unwrap();
        assert!(kept.len() <= MAX_INPUT_BYTES, "{} is too large", file.display());
        run(&kept);
        for _ in 0..rounds {
            let mut bytes = kept.clone();
            dice.mutate(&mut bytes);
            run(&bytes);
        }
    }
}

/// A directory that only root may enter.
fn scratch() -> tempfile::TempDir {
    assert!(rustix::process::geteuid().is_root(), "this test needs root: layers have owners and devices");
    tempfile::Builder::new().prefix("shoal-image-fuzz-").tempdir().unwrap()
}

#[test]
fn text() {
    replay("manifest", ROUNDS, manifest);
    replay("index", ROUNDS, index);
    replay("config", ROUNDS, config);
    replay("reference", ROUNDS, reference);
    replay("change", ROUNDS, change);
    replay("challenge", ROUNDS, challenge);
    replay("extended_header", ROUNDS, extended_header);
}

#[test]
fn layers() {
    let scratch = scratch();
    replay("layer", ROUNDS, |bytes| layer(bytes, scratch.path()));
}

#[test]
fn archives() {
    let scratch = scratch();
    let bench = Bench::open(scratch.path());
    replay("archive", FEW_ROUNDS, |bytes| bench.archive(bytes));
}
