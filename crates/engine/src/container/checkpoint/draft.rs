//! Checkpoints that are not whole: under a name that no checkpoint has, until they are renamed or removed.
//!
//! One that is made elsewhere than in the container's directory has a link to it there: whoever clears up behind a daemon that
//! died knows where it is.

use super::{place, unless_missing};
use crate::container::Paths;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Around the name and the time, which keeps two of the same name apart.
const PREFIX: char = '.';
const SUFFIX: &str = ".draft";

pub(super) fn name(checkpoint: &str, now_ns: i64) -> String {
    format!("{PREFIX}{checkpoint}.{now_ns}{SUFFIX}")
}

/// Tells in the container's own directory of checkpoints, `own`, that the draft `draft` is somewhere else.
pub(super) fn announce(own: &Path, draft: &Path) -> io::Result<()> {
    let (false, Some(name)) = (draft.starts_with(own), draft.file_name()) else { return Ok(()) };
    fault::point("checkpoint: announce draft elsewhere");
    symlink(draft, own.join(name))
}

/// The draft is gone: it has got its name, or was removed.
pub(super) fn withdraw(own: &Path, draft: &Path) -> io::Result<()> {
    let (false, Some(name)) = (draft.starts_with(own), draft.file_name()) else { return Ok(()) };
    fault::point("checkpoint: forget draft elsewhere");
    unless_missing(fs::remove_file(own.join(name)))
}

fn is_draft(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes what checkpoints of a container that were cut short have left. Only when its shim is gone: nobody writes there
/// any more.
pub(crate) fn sweep(paths: &Paths) -> io::Result<()> {
    let Ok(listed) = fs::read_dir(place::own(paths)) else { return Ok(()) };
    for entry in listed.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_draft)) {
        let path = entry.path();
        fault::point("checkpoint: sweep draft");
        if !entry.file_type()?.is_symlink() {
            fs::remove_dir_all(path)?;
            continue;
        }
        // Only we write in this directory; what the link leads to must be named as it is, all the same.
        let elsewhere = fs::read_link(&path)?;
        if elsewhere.file_name() == path.file_name() {
            unless_missing(fs::remove_dir_all(elsewhere))?;
        }
        fault::point("checkpoint: sweep link to draft");
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_go_and_checkpoints_stay() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path(), "id");
        sweep(&paths).unwrap();
        let own = place::own(&paths);
        for name in [name("one", 7), "one".to_owned()] {
            fs::create_dir_all(own.join(name).join("images")).unwrap();
        }
        sweep(&paths).unwrap();
        let left: Vec<_> = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [own.join("one")]);
    }

    #[test]
    fn a_draft_elsewhere_is_found_by_its_link() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(root.path(), "id");
        let (own, elsewhere) = (place::own(&paths), root.path().join("elsewhere"));
        let drafts = [7, 8, 9].map(|now| elsewhere.join(name("one", now)));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(elsewhere.join("one")).unwrap();
        for draft in &drafts {
            announce(&own, draft).unwrap();
            fs::create_dir_all(draft.join("images")).unwrap();
        }
        withdraw(&own, &drafts[0]).unwrap();
        // It has got its name meanwhile.
        fs::rename(&drafts[1], elsewhere.join("two")).unwrap();
        // Nobody is led elsewhere by it.
        symlink(elsewhere.join("two"), own.join(name("three", 1))).unwrap();
        sweep(&paths).unwrap();
        assert_eq!(fs::read_dir(&own).unwrap().count(), 0);
        let mut left: Vec<_> = fs::read_dir(&elsewhere).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort_unstable();
        assert_eq!(left, [drafts[0].clone(), elsewhere.join("one"), elsewhere.join("two")]);
    }
}
