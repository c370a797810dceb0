//! Docker's reading of the paths that clients name. Pure.

use crate::error::Result;
use crate::path::parts;
use crate::spec::Invalid;

/// Longest path, in bytes.
const MAX_BYTES: usize = 4096;

/// A path in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Absolute, without `.`, `..` and doubled slashes; `..` was undone as text, as Docker does.
    pub(super) clean: String,
    /// It ended with a slash or a dot: a directory is meant, also behind a link.
    pub(super) is_dir: bool,
    /// What its entries are called in an archive: its last part, `.` if it ended with a dot, `/` for the root.
    pub(super) base: String,
}

impl Wanted {
    /// Reads a path; one without a leading slash begins at the root too.
    pub(super) fn parse(text: &str) -> Result<Wanted> {
        if text.is_empty() || text.len() > MAX_BYTES || text.contains('\0') {
            return Err(Invalid::ArchivePath(text.chars().take(MAX_BYTES).collect()).into());
        }
        let parts = parts(text);
        let clean = format!("/{}", parts.join("/"));
        let ends_in_dot = text == "." || text.ends_with("/.");
        let base = match parts.last() {
            None => "/",
            Some(_) if ends_in_dot => ".",
            Some(last) => last,
        };
        let is_dir = ends_in_dot || text.ends_with('/') || parts.is_empty();
        Ok(Wanted { base: base.to_owned(), clean, is_dir })
    }
}

/// Go's `os.FileMode` of a Unix mode: the permissions, and the kind in its high bits.
pub(super) fn go_mode(mode: u32) -> u32 {
    const SET_UID: u32 = 1 << 23;
    const SET_GID: u32 = 1 << 22;
    const STICKY: u32 = 1 << 20;
    let kind = match mode & 0o170_000 {
        0o040_000 => 1 << 31,
        0o120_000 => 1 << 27,
        0o060_000 => 1 << 26,
        0o020_000 => 1 << 26 | 1 << 21,
        0o010_000 => 1 << 25,
        0o140_000 => 1 << 24,
        _ => 0,
    };
    let bit = |unix: u32, go: u32| if mode & unix == 0 { 0 } else { go };
    kind | mode & 0o777 | bit(0o4000, SET_UID) | bit(0o2000, SET_GID) | bit(0o1000, STICKY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (String, bool, String) {
        let wanted = Wanted::parse(text).unwrap();
        (wanted.clean, wanted.is_dir, wanted.base)
    }

    #[test]
    fn paths() {
        let cases = [
            ("/a/b", "/a/b", false, "b"),
            ("a//b/", "/a/b", true, "b"),
            ("/a/b/.", "/a/b", true, "."),
            ("/a/../../b", "/b", false, "b"),
            ("/", "/", true, "/"),
            (".", "/", true, "/"),
            ("/..", "/", true, "/"),
        ];
        for (text, clean, is_dir, base) in cases {
            assert_eq!(read(text), (clean.to_owned(), is_dir, base.to_owned()), "{text}");
        }
        assert!(Wanted::parse("").is_err() && Wanted::parse("a\0b").is_err());
    }

    #[test]
    fn modes() {
        assert_eq!(go_mode(0o100_644), 0o644);
        assert_eq!(go_mode(0o041_777), 1 << 31 | 1 << 20 | 0o777);
        assert_eq!(go_mode(0o120_777), 1 << 27 | 0o777);
        assert_eq!(go_mode(0o104_755), 1 << 23 | 0o755);
        assert_eq!(go_mode(0o020_666), 1 << 26 | 1 << 21 | 0o666);
    }

    proptest! {
        #[test]
        fn clean_paths_stay_clean(text in "[a./]{1,20}") {
            let once = Wanted::parse(&text).unwrap();
            prop_assert!(once.clean.split('/').all(|part| part != ".." && part != "."));
            let again = Wanted::parse(&once.clean).unwrap();
            prop_assert_eq!(again.clean, once.clean);
        }
    }
}
