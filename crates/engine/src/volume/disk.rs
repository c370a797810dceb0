//! Volumes on disk: `<data-root>/volumes/<name>/`, each with
//!
//! - `_data`: what is in it
//! - `volume.json`: labels, options, when it was made
//! - `made-for`: only of a volume that was made without a name: the container it was made for. It goes when that container
//!   is removed and the volume stays. Who finds it without that container found a creation or removal that was cut short.
//! - `filling`: there while the volume is filled from an image: a fill that was cut short goes on where it was
//!
//! A volume is made beneath another name and then moved into place, and loses its name before it is deleted: what has a
//! name is whole. Names that begin with a dot are no volumes' and are swept when the engine opens. Blocks.

use super::Volume;
use super::{option, quota};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where the files are.
pub(super) const DATA: &str = "_data";
const ABOUT: &str = "volume.json";
const MADE_FOR: &str = "made-for";
const FILLING: &str = "filling";
/// Others than root may pass, not look: a process with another user must reach its own files.
const DIR_MODE: u32 = 0o701;
const DATA_MODE: u32 = 0o755;

/// What `volume.json` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct About {
    created_ns: i64,
    labels: BTreeMap<String, String>,
    options: BTreeMap<String, String>,
    /// Of a volume with a size: the number under which the file system counts what is in it.
    project: Option<u32>,
}

/// Makes the directory of all volumes.
pub(super) fn make_root(root: &Path) -> Result<()> {
    fault::point("volume: make root");
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(root).map_err(Error::io("make", root))
}

/// Makes a volume.
pub(super) fn make(root: &Path, volume: &Volume, made_for: Option<&str>) -> Result<()> {
    let draft = root.join(format!(".new-{}", volume.name));
    fault::point("volume: make draft");
    let made = make_in(&draft, volume, made_for).and_then(|()| settle(root, &draft, &volume.name));
    if made.is_err()
        && let Err(error) = discard(&draft)
    {
        tracing::warn!(path = %draft.display(), %error, "half a volume stays until the next start");
    }
    made
}

/// Gives a volume its name.
pub(super) fn settle(root: &Path, draft: &Path, name: &str) -> Result<()> {
    fault::point("volume: move into place");
    let place = root.join(name);
    fs::rename(draft, &place).map_err(Error::io("make volume", place))
}

/// Makes a volume that has no name yet.
pub(super) fn make_in(draft: &Path, volume: &Volume, made_for: Option<&str>) -> Result<()> {
    discard(draft)?;
    let size = option::size(&volume.name, &volume.options)?;
    let root = draft.parent().unwrap_or(draft);
    let project = size.map(|_| quota::free_project(&volume.name, root)).transpose()?;
    fault::point("volume: make directory");
    let directory = |path: &Path, mode: u32| {
        // The daemon's umask does not decide for a container.
        DirBuilder::new()
            .mode(mode)
            .create(path)
            .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
            .map_err(Error::io("make", path))
    };
    directory(draft, DIR_MODE)?;
    directory(&draft.join(DATA), DATA_MODE)?;
    let about = About {
        created_ns: volume.created_ns,
        labels: volume.labels.clone(),
        options: volume.options.clone(),
        project,
    };
    let text = serde_json::to_vec(&about).map_err(|error| Error::io("write", draft)(error.into()))?;
    fs::write(draft.join(ABOUT), text).map_err(Error::io("write", draft.join(ABOUT)))?;
    if let (Some(project), Some(bytes)) = (project, size) {
        // The description names the project already: whoever removes the directory lifts the limit.
        quota::limit(&volume.name, &draft.join(DATA), project, bytes)?;
    }
    if let Some(container) = made_for {
        fs::write(draft.join(MADE_FOR), container).map_err(Error::io("write", draft.join(MADE_FOR)))?;
    }
    Ok(())
}

/// Takes a volume's name away; what is given back is to be deleted with [`discard`], at leisure.
pub(super) fn take_away(root: &Path, name: &str, serial: u64) -> Result<PathBuf> {
    let gone = root.join(format!(".gone-{serial}-{name}"));
    discard(&gone)?;
    fault::point("volume: take away");
    match fs::rename(root.join(name), &gone) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove volume", root.join(name))(error))
        }
        _ => Ok(gone),
    }
}

/// Deletes what was a volume, whole or half, and may be missing. Its quota goes first.
pub(super) fn discard(place: &Path) -> Result<()> {
    let about = fs::read(place.join(ABOUT)).ok().and_then(|text| serde_json::from_slice::<About>(&text).ok());
    if let (Some(project), Some(root)) = (about.and_then(|about| about.project), place.parent()) {
        quota::lift(root, project);
    }
    remove_tree(place)
}

/// Deletes a tree that may be missing.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// All volumes, and for those that were made for one container, which. Sweeps what was half made or half removed.
pub(super) fn read_all(root: &Path) -> Result<Vec<(Volume, Option<String>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).map_err(Error::io("read", root))? {
        let entry = entry.map_err(Error::io("read", root))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            fault::point("volume: sweep");
            if let Err(error) = discard(&entry.path()) {
                tracing::warn!(%error, "debris of a volume stays");
            }
        } else if super::check_name(&name).is_ok() && entry.path().join(DATA).is_dir() {
            found.push(read(root, name));
        } else {
            tracing::warn!(path = %entry.path().display(), "this is no volume");
        }
    }
    Ok(found)
}

fn read(root: &Path, name: String) -> (Volume, Option<String>) {
    let dir = root.join(&name);
    // A power cut may take the description; what is in the volume counts.
    let about: About = fs::read(dir.join(ABOUT))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_else(|| {
            tracing::warn!(volume = name, "description of a volume is lost");
            About::default()
        });
    let made_for = fs::read_to_string(dir.join(MADE_FOR)).ok();
    let volume = Volume {
        mountpoint: dir.join(DATA),
        name,
        created_ns: about.created_ns,
        labels: about.labels,
        options: about.options,
    };
    (volume, made_for)
}

/// From now on the volume lives on without the container it was made for.
pub(super) fn keep(root: &Path, name: &str) -> Result<()> {
    remove_file(&root.join(name).join(MADE_FOR))
}

/// Whether a fill of the volume has begun and not ended.
pub(super) fn is_filling(volume: &Volume) -> bool {
    volume.mountpoint.with_file_name(FILLING).exists()
}

/// Marks the beginning of a fill.
pub(super) fn begin_filling(volume: &Volume) -> Result<()> {
    let mark = volume.mountpoint.with_file_name(FILLING);
    fault::point("volume: begin filling");
    fs::write(&mark, "").map_err(Error::io("write", mark))
}

/// Marks its end.
pub(super) fn end_filling(volume: &Volume) -> Result<()> {
    remove_file(&volume.mountpoint.with_file_name(FILLING))
}

fn remove_file(path: &Path) -> Result<()> {
    fault::point("volume: remove mark");
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// What the options of a volume ask for; those of a volume that is there were judged when it was made.
pub(super) fn place(volume: &Volume) -> Result<option::Place> {
    Ok(option::place(&volume.name, &volume.options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(root: &Path, name: &str) -> Volume {
        let labels = BTreeMap::from([("a".into(), "b".into())]);
        let mountpoint = root.join(name).join(DATA);
        Volume { name: name.into(), created_ns: 5, labels, options: BTreeMap::new(), mountpoint }
    }

    #[test]
    fn what_is_made_is_found_again_and_debris_is_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let (one, two) = (volume(root, "one"), volume(root, "two"));
        make(root, &one, None).unwrap();
        make(root, &two, Some("c1")).unwrap();
        fs::create_dir_all(root.join(".new-three/_data")).unwrap();
        fs::create_dir_all(root.join("stray")).unwrap();
        let mut found = read_all(root).unwrap();
        found.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        assert_eq!(found, [(one, None), (two.clone(), Some("c1".into()))]);
        assert!(!root.join(".new-three").exists());
        keep(root, "two").unwrap();
        keep(root, "two").unwrap();
        let gone = take_away(root, "one", 0).unwrap();
        assert_eq!(read_all(root).unwrap(), [(two, None)]);
        assert!(!gone.exists());
    }

    #[test]
    fn a_lost_description_does_not_lose_the_volume() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        make(root, &volume(root, "one"), None).unwrap();
        fs::write(root.join("one").join(ABOUT), "{").unwrap();
        assert_eq!(read_all(root).unwrap()[0].0.name, "one");
    }
}
