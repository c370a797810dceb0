//! The files of an archive of images: their names in memory, their bytes spooled.

use std::{
    cell::Cell,
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::PathBuf,
};

use crate::{
    Error, Result,
    archive::{Compression, Kind, TarReader, decompress},
    digest::Digest,
    spool::{self, Spooled},
    store::{Workplace, read_small},
    unpack::path,
};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 128 << 10;
/// Most files of an archive of images.
const MAX_FILES: usize = 100_000;
/// Most bytes of their names.
const MAX_NAME_BYTES: usize = 16 << 20;
/// Most bytes of configurations and manifests, which are kept in memory until all images are complete.
const MAX_KEPT_BYTES: u64 = 64 << 20;
/// Most links that are followed from one name to another.
const MAX_LINKS: usize = 8;

/// A file of the archive.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) spooled: Spooled,
    pub(super) compression: Compression,
}

#[derive(Debug)]
enum Item {
    File(Stored),
    /// Old archives link a layer that several images share. The name it leads to.
    Link(Vec<u8>),
}

/// All files of an archive by name.
#[derive(Debug, Default)]
pub(super) struct Contents {
    items: HashMap<Vec<u8>, Item>,
    /// Bytes handed out to be kept: tables of contents may name one large file many times.
    kept: Cell<u64>,
}

impl Contents {
    /// Reads the whole stream. Blocks.
    pub(super) fn read(input: impl Read + Send, place: &Workplace) -> Result<Contents> {
        let (_, plain) = decompress(input)?;
        let mut archive = TarReader::new(BufReader::with_capacity(BUFFER_BYTES, plain));
        let mut contents = Contents::default();
        let mut name_bytes = 0;
        while let Some(entry) = archive.next()? {
            let name = path::parts(&entry.path)?.join(&b'/');
            name_bytes += entry.path.len();
            if contents.items.len() >= MAX_FILES || name_bytes > MAX_NAME_BYTES {
                return Err(Error::Archive(format!("more than {MAX_FILES} files, or too long names")));
            }
            let item = match &entry.kind {
                Kind::File => {
                    let path = place.name("blob");
                    let spooled = spool::spool(|buffer| archive.read_data(buffer), &path, place)?;
                    Item::File(Stored { compression: compression(&path)?, path, spooled })
                }
                Kind::Symlink(target) => Item::Link(beside(&name, target)?),
                Kind::Hardlink(target) => Item::Link(path::parts(target)?.join(&b'/')),
                Kind::Directory => continue,
                Kind::CharDevice(..) | Kind::BlockDevice(..) | Kind::Fifo => {
                    return Err(path::refused(&entry.path, "is no file of an image archive"));
                }
            };
            contents.items.insert(name, item);
        }
        archive.drain()?;
        Ok(contents)
    }

    /// The file behind a name that the archive itself gives.
    pub(super) fn find(&self, name: &str) -> Result<Option<&Stored>> {
        let mut name = path::parts(name.as_bytes())?.join(&b'/');
        for _ in 0..MAX_LINKS {
            match self.items.get(&name) {
                Some(Item::File(stored)) => return Ok(Some(stored)),
                Some(Item::Link(target)) => name = target.clone(),
                None => return Ok(None),
            }
        }
        Err(path::refused(&name, "goes round in links"))
    }

    /// The file behind a name, which must be there.
    pub(super) fn require(&self, name: &str) -> Result<&Stored> {
        self.find(name)?.ok_or_else(|| path::refused(name.as_bytes(), "is missing"))
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
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<&Stored>> {
        let Some(stored) = self.find(&format!("blobs/sha256/{}", digest.hex()))? else { return Ok(None) };
        stored.spooled.digest.expect(digest)?;
        Ok(Some(stored))
    }
}

impl Stored {
    /// The bytes of a file that is small.
    pub(super) fn bytes(&self, limit: u64) -> Result<Vec<u8>> {
        read_small(&self.path, limit)
    }
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

fn compression(path: &std::path::Path) -> Result<Compression> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(Error::io("open", path))?;
    file.take(8).read_to_end(&mut start).map_err(Error::io("read", path))?;
    // What is compressed otherwise is refused when it turns out to be a layer.
    Ok(Compression::of(&start).unwrap_or(Compression::None))
}
