//! Whose files are believed: those that nobody but root could have written.
//!
//! criu's files hold memory, credentials and names of files: who can write them, or put a link in their place while they
//! are read, can do on this machine whatever root can. So they, and the way to them, must be root's alone.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::IMAGES_DIR;
use crate::{Error, Result};

/// A checkpoint has a few files for each process; more than this is none.
const MAX_FILES: usize = 100_000;
/// Write permission of a group or of everybody.
const WRITABLE: u32 = 0o022;
/// In such a directory nobody can move or remove what is another's.
const STICKY: u32 = 0o1000;

/// The whole path of the checkpoint in `dir`, if it can be believed.
///
/// # Errors
/// [`Error::Invalid`] with the file that somebody else could have written, or that is a link.
pub fn trusted(dir: &Path) -> Result<PathBuf> {
    let owner = nix::unistd::geteuid().as_raw();
    let whole = fs::canonicalize(dir).map_err(Error::path("open", dir))?;
    for directory in whole.ancestors() {
        let metadata = look(directory)?;
        let shared = metadata.mode() & WRITABLE != 0 && (metadata.mode() & STICKY == 0 || directory == whole);
        if (metadata.uid() != owner && metadata.uid() != 0) || shared {
            return Err(refused(directory, "can be changed by others than root"));
        }
    }
    // Nothing lies deeper than criu's own files.
    for directory in [whole.clone(), whole.join(IMAGES_DIR)] {
        let listed = fs::read_dir(&directory).map_err(Error::path("list", &directory))?;
        for (count, entry) in listed.enumerate() {
            let path = entry.map_err(Error::path("list", &directory))?.path();
            check(&path, &look(&path)?, owner)?;
            if count >= MAX_FILES {
                return Err(refused(&directory, "has too many files"));
            }
        }
    }
    Ok(whole)
}

fn look(path: &Path) -> Result<Metadata> {
    fs::symlink_metadata(path).map_err(Error::path("look at", path))
}

fn check(path: &Path, metadata: &Metadata, owner: u32) -> Result<()> {
    let is_images = metadata.is_dir() && path.file_name().is_some_and(|name| name == IMAGES_DIR);
    if !metadata.is_file() && !is_images {
        Err(refused(path, "is neither a file nor criu's directory"))
    } else if metadata.uid() != owner || metadata.mode() & WRITABLE != 0 {
        Err(refused(path, "can be changed by others than root"))
    } else {
        Ok(())
    }
}

fn refused(path: &Path, why: &str) -> Error {
    Error::Path {
        action: "trust the checkpoint's",
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::PermissionDenied, format!("it {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn files_of_others_and_links_are_not_believed() {
        assert!(nix::unistd::geteuid().is_root(), "this test gives files away: run it as root");
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("one");
        let images = dir.join(IMAGES_DIR);
        fs::create_dir_all(&images).unwrap();
        fs::write(dir.join("config.json"), "{}").unwrap();
        let image = images.join("pages-1.img");
        fs::write(&image, "x").unwrap();
        assert_eq!(trusted(&dir).unwrap(), fs::canonicalize(&dir).unwrap());
        let refused = |because: &str| {
            let said = trusted(&dir).unwrap_err().to_string();
            assert!(said.contains(because), "{said}");
        };

        fs::set_permissions(&image, fs::Permissions::from_mode(0o666)).unwrap();
        refused("pages-1.img: it can be changed");
        fs::set_permissions(&image, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&image, Some(1), None).unwrap();
        refused("pages-1.img: it can be changed");
        fs::remove_file(&image).unwrap();
        symlink("/etc/shadow", &image).unwrap();
        refused("pages-1.img: it is neither");
        fs::remove_file(&image).unwrap();
        fs::create_dir(images.join("deep")).unwrap();
        refused("deep: it is neither");
        fs::remove_dir(images.join("deep")).unwrap();

        trusted(&dir).unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
        refused("it can be changed by others");
    }
}
