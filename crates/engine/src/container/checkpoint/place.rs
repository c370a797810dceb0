//! Where checkpoints are: one directory each, in the container's own or in one that a client names.

use super::super::Paths;
use super::about::ABOUT_FILE;
use super::{CheckpointName, draft, unless_missing};
use crate::error::{Error, Result};
use crate::shared::now_ns;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// In the container's directory.
const CHECKPOINTS_DIR: &str = "checkpoints";
/// A file system's limit, less what a draft's name has around it.
const MAX_NAME: usize = 200;

/// The place of one checkpoint, whether it exists or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    parent: PathBuf,
    /// The container's own directory of checkpoints, whether this one is there or not.
    own: PathBuf,
    name: String,
}

/// The directory of checkpoints that `dir` means.
pub(super) fn parent(paths: &Paths, dir: &str) -> Result<PathBuf> {
    if dir.is_empty() {
        return Ok(own(paths));
    }
    let path = PathBuf::from(dir);
    if path.is_absolute() { Ok(path) } else { Err(Error::CheckpointDir(dir.to_owned())) }
}

/// The container's own.
pub(super) fn own(paths: &Paths) -> PathBuf {
    paths.dir.join(CHECKPOINTS_DIR)
}

/// The names of the checkpoints in `parent`, sorted.
pub(super) fn list(parent: &Path) -> Result<Vec<String>> {
    let failed = || Error::io("list", parent);
    let mut names = Vec::new();
    let listed = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        listed => listed.map_err(failed())?,
    };
    for entry in listed {
        let name = entry.map_err(failed())?.file_name().to_string_lossy().into_owned();
        let place = Place { parent: parent.to_owned(), own: parent.to_owned(), name };
        if check(&place.name).is_ok() && place.exists() {
            names.push(place.name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

impl Place {
    pub(super) fn of(paths: &Paths, name: &CheckpointName) -> Result<Place> {
        check(&name.name)?;
        Ok(Place { parent: parent(paths, &name.dir)?, own: own(paths), name: name.name.clone() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Whether a checkpoint is there. A link to one is none.
    pub(super) fn exists(&self) -> bool {
        let is = |path: &Path, right: fn(&fs::Metadata) -> bool| {
            fs::symlink_metadata(path).is_ok_and(|metadata| right(&metadata))
        };
        is(&self.dir(), fs::Metadata::is_dir) && is(&self.dir().join(ABOUT_FILE), fs::Metadata::is_file)
    }

    /// A directory beside it, to be renamed.
    pub(super) fn make_draft(&self) -> Result<PathBuf> {
        self.make_own()?;
        fault::point("checkpoint: make directory of checkpoints elsewhere");
        private().recursive(true).create(&self.parent).map_err(Error::io("make", &self.parent))?;
        let draft = self.parent.join(draft::name(&self.name, now_ns()));
        draft::announce(&self.own, &draft).map_err(Error::io("announce", &draft))?;
        fault::point("checkpoint: make draft");
        private().create(&draft).map_err(Error::io("make", &draft))?;
        Ok(draft)
    }

    /// The draft is none any more: it has got the name.
    pub(super) fn made(&self, draft: &Path) -> Result<()> {
        draft::withdraw(&self.own, draft).map_err(Error::io("forget", draft))
    }

    /// Removes a draft.
    pub(super) fn drop_draft(&self, draft: &Path) -> Result<()> {
        fault::point("checkpoint: remove files");
        unless_missing(fs::remove_dir_all(draft)).map_err(Error::io("remove", draft))?;
        draft::withdraw(&self.own, draft).map_err(Error::io("forget", draft))
    }

    /// Takes its name from it, and then it away.
    pub(super) fn remove(&self) -> Result<()> {
        let gone = self.parent.join(draft::name(&self.name, now_ns()));
        self.make_own()?;
        draft::announce(&self.own, &gone).map_err(Error::io("announce", &gone))?;
        fault::point("checkpoint: take the name");
        fs::rename(self.dir(), &gone).map_err(Error::io("remove", self.dir()))?;
        self.drop_draft(&gone)
    }

    fn make_own(&self) -> Result<()> {
        fault::point("checkpoint: make directory of checkpoints");
        private().recursive(true).create(&self.own).map_err(Error::io("make", &self.own))
    }

    /// Has everything written to the disk.
    pub(super) fn sync(&self) -> Result<()> {
        let dir = File::open(self.dir()).map_err(Error::io("open", self.dir()))?;
        nix::unistd::syncfs(&dir).map_err(io::Error::from).map_err(Error::io("sync", self.dir()))
    }
}

/// Makes directories that are nobody else's to read.
fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Docker's rule for names: nothing that leads elsewhere.
fn check(name: &str) -> Result<()> {
    let mut letters = name.bytes();
    let first = letters.next().is_some_and(|letter| letter.is_ascii_alphanumeric());
    let rest = letters.all(|letter| letter.is_ascii_alphanumeric() || b"_.-".contains(&letter));
    if first && rest && (2..=MAX_NAME).contains(&name.len()) {
        Ok(())
    } else {
        Err(Error::CheckpointName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["cp1", "A.b-c_9", "10"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["", "a", "..", ".hidden", "a/b", "../x", "a b", "a\0b", "-x", &"x".repeat(201)] {
            assert!(check(name).is_err(), "{name:?}");
        }
        let paths = Paths::new(Path::new("/c"), "id");
        assert_eq!(parent(&paths, "").unwrap(), Path::new("/c/id/checkpoints"));
        assert_eq!(parent(&paths, "/srv").unwrap(), Path::new("/srv"));
        assert!(parent(&paths, "srv").is_err());
    }

    #[test]
    fn only_what_is_whole_is_a_checkpoint() {
        let root = tempfile::tempdir().unwrap();
        let all = root.path().join("all");
        let place = |name: &str| Place { parent: all.clone(), own: all.clone(), name: name.to_owned() };
        assert!(list(&root.path().join("all")).unwrap().is_empty());
        let draft = place("two").make_draft().unwrap();
        fs::write(draft.join(ABOUT_FILE), "{}").unwrap();
        assert!(list(&root.path().join("all")).unwrap().is_empty(), "a draft is none");
        fs::rename(&draft, place("two").dir()).unwrap();
        fs::create_dir(place("half").dir()).unwrap();
        symlink(place("two").dir(), place("link").dir()).unwrap();
        assert_eq!(list(&root.path().join("all")).unwrap(), ["two"]);
        place("two").sync().unwrap();
        place("two").remove().unwrap();
        assert!(!place("two").dir().exists() && list(&root.path().join("all")).unwrap().is_empty());
    }
}
