//! Files of this machine → an archive.
//!
//! In: what to copy and what to call it. Out: entries whose names begin with that name. Links are never followed.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::place::{self, Place, Rename};

/// Writes the archive of `source`, whose top is renamed by `rename`.
pub(super) fn pack(source: &Place, rename: Option<&Rename>, out: &mut impl Write) -> io::Result<()> {
    let (folder, name) = place::split(&source.path);
    let top = source.rebase.clone().unwrap_or_else(|| name.clone());
    let top = rename.map_or_else(|| top.clone().into_bytes(), |rename| rename.apply(top.as_bytes()));
    let top = top.strip_prefix(b"/").unwrap_or(&top);
    let mut packing = Packing { builder: Builder::new(out), linked: HashMap::new() };
    let path = if name == "." { PathBuf::from(folder) } else { Path::new(&folder).join(name) };
    packing.add(&path, Path::new(OsStr::from_bytes(top)))?;
    packing.builder.finish()
}

struct Packing<W: Write> {
    builder: Builder<W>,
    /// Files with several names: where in the archive the first of them stands.
    linked: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packing<W> {
    /// Adds `path` and all beneath it as `name`; an empty name is the top itself.
    fn add(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let found = fs::symlink_metadata(path).map_err(told)?;
        let kind = found.file_type();
        let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
        let mut header = header(&found);
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            self.builder.append_data(&mut header, name, io::empty())?;
            let mut entries: Vec<_> = fs::read_dir(path).map_err(told)?.collect::<Result<_, _>>()?;
            entries.sort_by_key(fs::DirEntry::file_name);
            return entries
                .iter()
                .try_for_each(|entry| self.add(&entry.path(), &name.join(entry.file_name())));
        }
        if kind.is_socket() {
            // No archive can hold one.
            return Ok(());
        }
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            return self.builder.append_link(&mut header, name, fs::read_link(path).map_err(told)?);
        }
        if found.nlink() > 1 {
            if let Some(first) = self.linked.get(&(found.dev(), found.ino())) {
                header.set_entry_type(EntryType::Link);
                return self.builder.append_link(&mut header, name, first);
            }
            self.linked.insert((found.dev(), found.ino()), name.to_owned());
        }
        if kind.is_file() {
            let file = fs::File::open(path).map_err(told)?;
            let length = file.metadata()?.len();
            header.set_size(length);
            return self.builder.append_data(&mut header, name, Exact { file, left: length }).map_err(told);
        }
        header.set_entry_type(match () {
            () if kind.is_fifo() => EntryType::Fifo,
            () if kind.is_block_device() => EntryType::Block,
            () => EntryType::Char,
        });
        header.set_device_major(rustix::fs::major(found.rdev()))?;
        header.set_device_minor(rustix::fs::minor(found.rdev()))?;
        self.builder.append_data(&mut header, name, io::empty())
    }
}

fn header(found: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(found.mode() & 0o7777);
    header.set_uid(found.uid().into());
    header.set_gid(found.gid().into());
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header.set_size(0);
    header
}

/// As many bytes of a file as its entry says: one that grows is cut, one that shrinks is an error, since the archive
/// would be none.
struct Exact {
    file: fs::File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let count = self.file.read(&mut buffer[..room])?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was copied",
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }
}
