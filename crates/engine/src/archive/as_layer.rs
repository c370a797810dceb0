//! A writable layer as the archive of an image's layer: overlayfs' marks become whiteouts.
//!
//! Source: the OCI image specification, `layer.md`.

use super::pack::Packer;
use crate::tree::{self, Entry as Visited, Step, Walk};
use image::archive::{Entry, Kind};
use rustix::fs::FileType;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Writes all that is in a writable layer but for what is `made` by the engine, as paths without a leading slash.
pub(crate) fn write_layer(upper: &Path, made: &BTreeSet<Vec<u8>>, output: &mut dyn Write) -> io::Result<()> {
    let top = File::open(upper)?;
    let mut packer = Packer::new(output);
    let mut walk = Walk::new(top.as_fd())?;
    while let Some(step) = walk.next()? {
        let Step::Entry(entry) = step else { continue };
        if made.contains(entry.path) {
            walk.skip();
            continue;
        }
        one(&mut packer, &entry)?;
    }
    packer.finish().map(drop)
}

fn one<W: Write>(packer: &mut Packer<W>, entry: &Visited<'_>) -> io::Result<()> {
    let name = entry.name.to_bytes();
    let directory = &entry.path[..entry.path.len() - name.len()];
    if entry.kind() == FileType::CharacterDevice && entry.stat.st_rdev == 0 {
        return packer.mark(whiteout([directory, WHITEOUT, name].concat()));
    }
    packer.one(entry.fd(), &entry.stat, entry.path)?;
    if entry.kind().is_dir() && tree::is_opaque(entry.fd())? {
        packer.mark(whiteout([entry.path, b"/", OPAQUE].concat()))?;
    }
    Ok(())
}

fn whiteout(path: Vec<u8>) -> Entry {
    Entry { path, kind: Kind::File, mode: 0o600, uid: 0, gid: 0, mtime: (0, 0), xattrs: Vec::new() }
}
