//! Names in archives, made harmless. Pure.
//!
//! Inputs: the name of an entry or the target of a hard link, any bytes. Outputs: its parts, which are neither empty
//! nor `.` nor `..`. What the parts lead to on disk is decided beneath the layer's root only (see [`super::root`]).

use crate::{Error, Result};

/// Longest name of an entry, in bytes (PATH_MAX).
pub(crate) const MAX_PATH_BYTES: usize = 4096;
/// Longest part of a name, in bytes (NAME_MAX).
const MAX_PART_BYTES: usize = 255;

/// Prefix of the names of whiteouts. Source: the OCI image specification, `layer.md`.
const WHITEOUT: &[u8] = b".wh.";
/// Prefix of aufs' own files, which older archives carry and which mean nothing here.
const AUFS: &[u8] = b".wh..wh.";
/// Makes its directory hide everything beneath it in lower layers.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What the last part of a name asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// The layer's root itself.
    Root,
    /// A file, directory, link or device: directory and own name.
    Plain(Vec<&'a [u8]>, &'a [u8]),
    /// Hides this name of lower layers: directory and hidden name.
    Whiteout(Vec<&'a [u8]>, &'a [u8]),
    /// Hides all that lower layers have in this directory.
    Opaque(Vec<&'a [u8]>),
    /// Bookkeeping of another file system.
    Ignored,
}

/// The parts of a name; leading slashes mean the layer's root.
pub(crate) fn parts(path: &[u8]) -> Result<Vec<&[u8]>> {
    if path.len() > MAX_PATH_BYTES {
        return Err(refused(path, "is too long"));
    }
    if path.contains(&0) {
        return Err(refused(path, "contains a zero byte"));
    }
    let mut parts = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(refused(path, "leads out of the layer")),
            part if part.len() > MAX_PART_BYTES => return Err(refused(path, "has too long a part")),
            part => parts.push(part),
        }
    }
    Ok(parts)
}

/// What an entry's name asks for.
pub(crate) fn name(path: &[u8]) -> Result<Name<'_>> {
    let mut directory = parts(path)?;
    if directory.iter().rev().skip(1).any(|part| part.starts_with(WHITEOUT)) {
        return Err(refused(path, "lies in a whiteout"));
    }
    let Some(last) = directory.pop() else { return Ok(Name::Root) };
    if last == OPAQUE {
        return Ok(Name::Opaque(directory));
    }
    if last.starts_with(AUFS) {
        return Ok(Name::Ignored);
    }
    match last.strip_prefix(WHITEOUT) {
        Some(b"" | b"." | b"..") => Err(refused(path, "hides no name")),
        Some(hidden) => Ok(Name::Whiteout(directory, hidden)),
        None => Ok(Name::Plain(directory, last)),
    }
}

/// The same where no name means anything but itself.
pub(crate) fn plain(path: &[u8]) -> Result<Name<'_>> {
    let mut directory = parts(path)?;
    Ok(match directory.pop() {
        Some(last) => Name::Plain(directory, last),
        None => Name::Root,
    })
}

/// An error that names an entry.
pub(crate) fn refused(path: &[u8], words: &str) -> Error {
    const SHOWN: usize = 200;
    let shown: String = String::from_utf8_lossy(path).chars().take(SHOWN).collect();
    Error::Archive(format!("entry {shown:?} {words}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_cleaned() {
        assert_eq!(name(b"./").unwrap(), Name::Root);
        assert_eq!(name(b"/").unwrap(), Name::Root);
        assert_eq!(name(b"/etc//./passwd").unwrap(), Name::Plain(vec![b"etc"], b"passwd"));
        assert_eq!(name(b"a/.wh.b").unwrap(), Name::Whiteout(vec![b"a"], b"b"));
        assert_eq!(name(b"a/.wh..wh..opq").unwrap(), Name::Opaque(vec![b"a"]));
        assert_eq!(name(b".wh..wh.plnk").unwrap(), Name::Ignored);
    }

    #[test]
    fn attacks_are_refused() {
        for bad in
            [&b"../x"[..], b"a/../../x", b"..", b"/..", b"a/.wh...", b".wh.", b".wh..", b"a\0b", b".wh.a/b"]
        {
            assert!(name(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(name(&[b'a'; 256]).is_err());
        assert!(name(&b"a/".repeat(3000)).is_err());
    }

    proptest! {
        /// Whatever comes in, what comes out stays in the directory it is used in.
        #[test]
        fn parts_are_single_names(path in proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 0..60)) {
            if let Ok(parts) = parts(&path) {
                for part in parts {
                    prop_assert!(!part.is_empty() && part != b"." && part != b".." && part.len() <= 255);
                    prop_assert!(!part.contains(&b'/') && !part.contains(&0));
                }
            }
            if let Ok(Name::Whiteout(_, hidden)) = name(&path) {
                prop_assert!(!hidden.is_empty() && hidden != b"." && hidden != b".." && !hidden.contains(&b'/'));
            }
        }
    }
}
