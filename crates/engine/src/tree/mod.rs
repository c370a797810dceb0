//! Trees of files that somebody else may be changing: containers' roots, their writable layers, volumes.
//!
//! Whatever is looked at is opened once, by its directory and one plain name, and judged by what was opened; a link is
//! never followed unless within a given root ([`open_in`]). So what a process in a container swaps meanwhile may spoil
//! what is read of its own files, and never leads to the host's. No device, pipe or socket is ever opened for its
//! contents. Blocks.

mod attribute;
mod copy;
mod open;
mod walk;

pub(crate) use attribute::{is_opaque, xattrs};
pub(crate) use copy::{Contents, copy_attributes, copy_into_empty, link, merge};
pub(crate) use open::{child, contents, directory, open_in, read_link, stat};
pub(crate) use walk::{Entry, Step, Walk, names};

/// Overlayfs' mark for "nothing here": a character device 0:0.
pub(crate) fn is_whiteout(stat: &rustix::fs::Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device() && stat.st_rdev == 0
}
