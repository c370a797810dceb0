//! The files of an archive of images: their names in memory, their bytes on disk.

use std::{cell::Cell, collections::HashMap};

use super::{
    intake::{self, Intake},
    known::Known,
    stored::Stored,
};
use crate::{
    Error, ProgressSender, Result,
    archive::{Chunks, Kind},
    digest::Digest,
    store::Workplace,
    unpack::path,
};

/// Most files of an archive of images.
const MAX_FILES: usize = 100_000;
/// Most bytes of their names.
const MAX_NAME_BYTES: usize = 16 << 20;
/// Most bytes of configurations and manifests, which are kept in memory until all images are complete.
const MAX_KEPT_BYTES: u64 = 64 << 20;
/// Most links that are followed from one name to another.
const MAX_LINKS: usize = 8;

#[derive(Debug)]
enum Item {
    /// Its number among the files.
    File(usize),
    /// Old archives link a layer that several images share. The name it leads to.
    Link(Vec<u8>),
}

/// All files of an archive by name.
#[derive(Debug)]
pub(super) struct Contents {
    items: HashMap<Vec<u8>, Item>,
    files: Vec<Stored>,
    /// Bytes handed out to be kept: tables of contents may name one large file many times.
    kept: Cell<u64>,
}

impl Contents {
    /// Reads the whole stream. Blocks.
    pub(super) fn read(
        input: Chunks,
        place: &Workplace,
        known: &Known,
        told: &ProgressSender,
    ) -> Result<Contents> {
        let (items, files) = intake::with(input, place, known, told, items)?;
        Ok(Contents { items, files, kept: Cell::new(0) })
    }

    /// A file by its number.
    pub(super) fn file(&mut self, number: usize) -> Option<&mut Stored> {
        self.files.get_mut(number)
    }

    /// The file behind a name that the archive itself gives.
    pub(super) fn find(&self, name: &str) -> Result<Option<&Stored>> {
        Ok(self.number(name)?.and_then(|number| self.files.get(number)))
    }

    /// The file behind a name, which must be there.
    pub(super) fn require(&self, name: &str) -> Result<&Stored> {
        self.find(name)?.ok_or_else(|| missing(name))
    }

    /// The same, its number.
    pub(super) fn require_number(&self, name: &str) -> Result<usize> {
        self.number(name)?.ok_or_else(|| missing(name))
    }

    fn number(&self, name: &str) -> Result<Option<usize>> {
        let mut name = path::parts(name.as_bytes())?.join(&b'/');
        for _ in 0..MAX_LINKS {
            match self.items.get(&name) {
                Some(Item::File(number)) => return Ok(Some(*number)),
                Some(Item::Link(target)) => name = target.clone(),
                None => return Ok(None),
            }
        }
        Err(path::refused(&name, "goes round in links"))
    }

    /// The bytes of a small file, to be kept for an image.
    pub(super) fn keep(&self, file: &Stored, limit: u64) -> Result<Vec<u8>> {
        let bytes = file.bytes(limit)?;
        self.kept.set(self.kept.get() + bytes.len() as u64);
        if self.kept.get() > MAX_KEPT_BYTES {
            let what = "what the images of an archive say of themselves".to_owned();
            return Err(Error::TooLarge { what, limit: MAX_KEPT_BYTES });
        }
        Ok(bytes)
    }

    /// The blob of an OCI layout, whose bytes must have the digest that is its name.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<(usize, &Stored)>> {
        let Some(number) = self.number(&format!("blobs/sha256/{}", digest.hex()))? else { return Ok(None) };
        let Some(stored) = self.files.get(number) else { return Ok(None) };
        stored.spooled.digest.expect(digest)?;
        Ok(Some((number, stored)))
    }
}

/// Takes in all files.
fn items(intake: &mut Intake<'_, '_>) -> Result<HashMap<Vec<u8>, Item>> {
    let mut items = HashMap::new();
    let mut name_bytes = 0;
    while let Some(entry) = intake.archive.next()? {
        let name = path::parts(&entry.path)?.join(&b'/');
        name_bytes += entry.path.len();
        if items.len() >= MAX_FILES || name_bytes > MAX_NAME_BYTES {
            return Err(Error::Archive(format!("more than {MAX_FILES} files, or too long names")));
        }
        let item = match &entry.kind {
            Kind::File => Item::File(intake.take(&name)?),
            Kind::Symlink(target) => Item::Link(beside(&name, target)?),
            Kind::Hardlink(target) => Item::Link(path::parts(target)?.join(&b'/')),
            Kind::Directory => continue,
            Kind::CharDevice(..) | Kind::BlockDevice(..) | Kind::Fifo => {
                return Err(path::refused(&entry.path, "is no file of an image archive"));
            }
        };
        items.insert(name, item);
    }
    Ok(items)
}

fn missing(name: &str) -> Error {
    path::refused(name.as_bytes(), "is missing")
}

/// Where a symbolic link leads, from the directory of its own name; never out of the archive.
fn beside(name: &[u8], target: &[u8]) -> Result<Vec<u8>> {
    let mut parts: Vec<&[u8]> =
        if target.starts_with(b"/") { Vec::new() } else { name.split(|b| *b == b'/').collect() };
    parts.pop();
    for part in target.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop().ok_or_else(|| path::refused(name, "leads out of the archive"))?),
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}
