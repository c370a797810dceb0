//! Options of a mount, sorted into attributes, propagation, our own, and the file system's data.

use std::ffi::{CStr, CString};
use std::path::PathBuf;

use super::invalid;
use crate::Result;
use crate::sys::mount::Attributes;

/// Begins an option that names the part of a bind's source that is meant: `x-shoal.subpath=a/b`. Its links are resolved
/// beneath the source.
pub(crate) const SUBPATH: &str = "x-shoal.subpath=";
/// A file system that only the machine's privilege can mount, of a device or a server. `x-shoal.host=ro`: as a whole read-only,
/// for a device that cannot be written.
pub(crate) const HOST: &str = "x-shoal.host";
/// The source of a bind lies in another container.
const GUEST: &str = "x-shoal.guest";
/// Begins an option that names one of several layers that are shown as one tree, topmost first.
pub(crate) const LOWER: &str = "x-shoal.lower=";

/// The sorted options of a mount.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Of this mount alone.
    pub(super) attributes: Attributes,
    /// Of this mount and those below it.
    pub(super) recursive: Attributes,
    /// A bind; whether with what is mounted below.
    pub(super) bind: Option<bool>,
    pub(super) subpath: PathBuf,
    /// Other owners; whether also below.
    pub(super) idmap: Option<bool>,
    pub(super) copy_up: bool,
    pub(super) remount: bool,
    /// Made with the machine's privilege; whether as a whole read-only.
    pub(super) host: Option<bool>,
    /// The source is another container's.
    pub(super) guest: bool,
    /// Layers to be shown as one tree, topmost first.
    pub(super) lowers: Vec<PathBuf>,
    /// What is left: the file system's.
    pub(super) data: Vec<(CString, Option<CString>)>,
}

impl Options {
    /// Sorts them.
    pub(super) fn parse(options: &[String]) -> Result<Options> {
        let mut sorted = Options::default();
        for option in options {
            match option.as_str() {
                // The last four belong to mount(8) and to kernels long gone.
                "" | "defaults" | "silent" | "loud" | "iversion" | "noiversion" => {}
                "bind" => sorted.bind = Some(false),
                "rbind" => sorted.bind = Some(true),
                "idmap" => sorted.idmap = Some(false),
                "ridmap" => sorted.idmap = Some(true),
                "tmpcopyup" => sorted.copy_up = true,
                "remount" => sorted.remount = true,
                GUEST => sorted.guest = true,
                HOST => sorted.host = Some(false),
                "x-shoal.host=ro" => sorted.host = Some(true),
                other if other.starts_with(LOWER) => sorted.lowers.push(other[LOWER.len()..].into()),
                other if other.starts_with(SUBPATH) => sorted.subpath = other[SUBPATH.len()..].into(),
                other => sorted.add(other)?,
            }
        }
        Ok(sorted)
    }

    fn add(&mut self, option: &str) -> Result<()> {
        let known = add_attribute(&mut self.attributes, option)
            || option.strip_prefix('r').is_some_and(|rest| add_attribute(&mut self.recursive, rest));
        if !known {
            self.data.push(match option.split_once('=') {
                Some((key, value)) => (c_string(key)?, Some(c_string(value)?)),
                None => (c_string(option)?, None),
            });
        }
        Ok(())
    }
}

/// Options of every file system as a whole, which the kernel knows itself.
pub(super) fn is_general(option: &CStr) -> bool {
    const GENERAL: [&[u8]; 7] =
        [b"sync", b"async", b"dirsync", b"mand", b"nomand", b"lazytime", b"nolazytime"];
    GENERAL.contains(&option.to_bytes())
}

pub(super) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| invalid("a mount option holds a NUL byte"))
}

/// Adds a generic option to `attributes`; false if it is not one. The last of contradicting options wins.
fn add_attribute(attributes: &mut Attributes, option: &str) -> bool {
    let (set, clear) = match option {
        "ro" => (libc::MOUNT_ATTR_RDONLY, 0),
        "rw" => (0, libc::MOUNT_ATTR_RDONLY),
        "nosuid" => (libc::MOUNT_ATTR_NOSUID, 0),
        "suid" => (0, libc::MOUNT_ATTR_NOSUID),
        "nodev" => (libc::MOUNT_ATTR_NODEV, 0),
        "dev" => (0, libc::MOUNT_ATTR_NODEV),
        "noexec" => (libc::MOUNT_ATTR_NOEXEC, 0),
        "exec" => (0, libc::MOUNT_ATTR_NOEXEC),
        "nosymfollow" => (libc::MOUNT_ATTR_NOSYMFOLLOW, 0),
        "symfollow" => (0, libc::MOUNT_ATTR_NOSYMFOLLOW),
        "nodiratime" => (libc::MOUNT_ATTR_NODIRATIME, 0),
        "diratime" => (0, libc::MOUNT_ATTR_NODIRATIME),
        // The access time modes are one field: all of it is cleared, then one value set.
        "noatime" => (libc::MOUNT_ATTR_NOATIME, libc::MOUNT_ATTR__ATIME),
        "strictatime" => (libc::MOUNT_ATTR_STRICTATIME, libc::MOUNT_ATTR__ATIME),
        "relatime" | "atime" | "norelatime" | "nostrictatime" => (0, libc::MOUNT_ATTR__ATIME),
        other => {
            let Some(propagation) = propagation_flag(other) else {
                return false;
            };
            attributes.propagation = propagation;
            return true;
        }
    };
    attributes.set = (attributes.set & !clear) | set;
    attributes.clear = (attributes.clear & !set) | clear;
    true
}

fn propagation_flag(name: &str) -> Option<u64> {
    Some(match name {
        "private" => libc::MS_PRIVATE,
        "shared" => libc::MS_SHARED,
        "slave" => libc::MS_SLAVE,
        "unbindable" => libc::MS_UNBINDABLE,
        _ => return None,
    })
}

/// `linux.rootfsPropagation` as `MS_*`; 0 if it is not given.
pub(super) fn propagation(name: Option<&str>) -> Result<u64> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(0);
    };
    propagation_flag(name.strip_prefix('r').unwrap_or(name))
        .ok_or_else(|| invalid(&format!("{name:?} is not a mount propagation")))
}
