//! Reading an archive of images in one pass: what looks like a layer is unpacked while it comes, since archives tell only at
//! their end what is what.
//!
//! A layer that is known by its name or digest is skipped. No name in the archive becomes a name on disk.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    thread::{self, Scope, ScopedJoinHandle},
};

use super::{
    known::Known,
    stored::{Fate, Stored},
};
use crate::{
    Error, ProgressSender, Result,
    archive::{Chunks, Compression, MAGIC_BYTES, Pool, TarReader, chunks, undo},
    progress,
    spool::{self, Spooled},
    store::Workplace,
    unpack::{self, Taken},
};

/// Layers that are unpacked at the same time.
const MAX_AT_ONCE: usize = 2;
/// Where and what a tar archive's first header says of its kind.
const USTAR: (usize, &[u8]) = (257, b"ustar");
/// Bytes that tell whether a file is a layer.
const START_BYTES: usize = 512;
/// Bytes between two lines of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// The stream being read, and the files that are under way.
pub(super) struct Intake<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    pub(super) archive: TarReader<Chunks>,
    place: &'env Workplace,
    known: &'env Known,
    told: &'env ProgressSender,
    under_way: VecDeque<(usize, ScopedJoinHandle<'scope, Result<Stored>>)>,
    /// All files so far; those under way are missing.
    files: Vec<Option<Stored>>,
}

/// Reads an archive, plain or compressed, with `read`; gives its answer, and the files in the order they were taken in.
pub(super) fn with<'env, T>(
    mut input: Chunks,
    place: &'env Workplace,
    known: &'env Known,
    told: &'env ProgressSender,
    read: impl FnOnce(&mut Intake<'_, 'env>) -> Result<T>,
) -> Result<(T, Vec<Stored>)> {
    let compression = Compression::of(input.peek(MAGIC_BYTES).map_err(Error::Input)?)?;
    thread::scope(|scope| {
        let plain = match compression {
            Compression::None => input,
            other => {
                let compressed = undo(other, input)?;
                let (to, plain) = chunks();
                scope.spawn(move || Pool::default().pump(compressed, &[to]));
                plain
            }
        };
        let archive = TarReader::new(plain);
        let mut intake =
            Intake { scope, archive, place, known, told, under_way: VecDeque::new(), files: Vec::new() };
        let answer = read(&mut intake)?;
        intake.archive.drain()?;
        while !intake.under_way.is_empty() {
            intake.finish_oldest()?;
        }
        Ok((answer, intake.files.into_iter().flatten().collect()))
    })
}

impl Intake<'_, '_> {
    /// Takes in the current entry of the archive, a file of that name; gives its number.
    pub(super) fn take(&mut self, name: &[u8]) -> Result<usize> {
        let number = self.files.len();
        if let Some(kept) = self.known.by_name(name)? {
            self.files.push(Some(kept));
            return Ok(number);
        }
        let path = self.place.name("blob");
        let start = self.archive.peek(START_BYTES)?;
        // What is compressed otherwise is refused when it turns out to be a layer.
        let compression = Compression::of(start).unwrap_or(Compression::None);
        if compression == Compression::None && !is_tar(start) {
            let archive = &mut self.archive;
            let spooled = spool::spool(|buffer| archive.read_data(buffer), &path, self.place)?;
            self.files.push(Some(Stored { path, spooled, compression, fate: None }));
            return Ok(number);
        }
        self.files.push(None);
        self.layer(number, name, path, compression)?;
        Ok(number)
    }

    fn layer(&mut self, number: usize, name: &[u8], path: PathBuf, compression: Compression) -> Result<()> {
        if self.under_way.len() >= MAX_AT_ONCE {
            self.finish_oldest()?;
        }
        let size = self.archive.left();
        let may_be_known = self.known.may_have(size);
        let directory = (!may_be_known).then(|| self.place.name("layer"));
        let (to, mut source) = chunks();
        let (place, known) = (self.place, self.known);
        let work = move || {
            let mut next = || source.take_bytes(usize::MAX).map_err(Error::Input);
            let Taken { blob, layer } = unpack::take_in(&mut next, &path, directory.as_deref(), place)?;
            finish(path, directory, blob, layer, compression, known)
        };
        self.under_way.push_back((number, self.scope.spawn(work)));
        let short = short(name);
        let mut next_line = 0;
        loop {
            let chunk = self.archive.chunk()?;
            let done = size - self.archive.left();
            if done >= next_line {
                progress::bytes(self.told, &short, "Loading layer", done, size);
                next_line = if done == size { u64::MAX } else { size.min(done + PROGRESS_BYTES) };
            }
            // Whoever takes it in is gone only after a failure, which comes to light when it is finished.
            if chunk.is_empty() || to.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
    }

    fn finish_oldest(&mut self) -> Result<()> {
        if let Some((number, work)) = self.under_way.pop_front() {
            self.files[number] = Some(work.join().map_err(|_| Error::Closed)??);
        }
        Ok(())
    }
}

fn finish(
    path: PathBuf,
    directory: Option<PathBuf>,
    spooled: Spooled,
    layer: Option<Result<unpack::Unpacked>>,
    compression: Compression,
    known: &Known,
) -> Result<Stored> {
    let fate = match (directory, layer) {
        (Some(directory), Some(Ok(unpacked))) => Some(Fate::Unpacked { directory, unpacked }),
        (_, Some(Err(error))) => Some(Fate::Failed(error)),
        _ => {
            if let Some(kept) = known.by_digest(spooled.digest)? {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                return Ok(kept);
            }
            None
        }
    };
    Ok(Stored { path, spooled, compression, fate })
}

fn is_tar(start: &[u8]) -> bool {
    let (at, magic) = USTAR;
    start.get(at..at + magic.len()) == Some(magic)
}

/// The part of a layer's name that tells it apart, as short as Docker's progress has it: the digest, or the directory.
fn short(name: &[u8]) -> String {
    const SHOWN: usize = 12;
    let name = String::from_utf8_lossy(name);
    let named =
        name.strip_prefix("blobs/sha256/").or_else(|| name.strip_suffix("/layer.tar")).unwrap_or(&name);
    named.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_shown_by_what_tells_them_apart() {
        let hex = "0123456789abcdef".repeat(4);
        for name in [format!("blobs/sha256/{hex}"), format!("{hex}/layer.tar"), format!("{hex}.tar")] {
            assert_eq!(short(name.as_bytes()), "0123456789ab");
        }
        assert_eq!(short(b"a\x1b[2J"), "a[2J");
    }
}
