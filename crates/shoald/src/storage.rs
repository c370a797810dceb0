//! Which storage driver a data root has.
//!
//! A data root keeps the driver of its first start, as long as it has containers: their files are as that driver keeps
//! them. The first start takes what is configured, else `overlay2` where overlayfs works on the data root (it does not on
//! another overlay, and not without the kernel's module), else `btrfs` where the data root is one, else `vfs`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use engine::StorageDriver;
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, statfs};
use runtime::view::{Changes, View};

/// In the data root: the name of its driver.
const FILE: &str = "storage-driver";
/// In the data root: a directory for each container's files.
const CONTAINERS: &str = "image/containers";
/// In the data root, for the moment of a trial.
const TRIAL: &str = "overlay-trial";

/// Settles the driver of a data root that is locked. `configured` is empty if nobody named one.
///
/// # Errors
/// If what is configured does not work there, or containers have another one.
pub(crate) fn settle(root: &Path, configured: &str) -> Result<StorageDriver> {
    let file = root.join(FILE);
    let before = match fs::read_to_string(&file) {
        Ok(name) => name.trim().parse().ok(),
        // A data root from before drivers could be chosen.
        Err(error) if error.kind() == ErrorKind::NotFound && has_containers(root) => {
            Some(StorageDriver::Overlay2)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let driver = match (configured.parse().ok(), before) {
        (None, Some(before)) => before,
        (None, None) => choose(root)?,
        (Some(driver), Some(before)) if driver == before => driver,
        (Some(driver), Some(before)) if has_containers(root) => bail!(
            "the containers in {} were made with the storage driver {}: remove them before they can be kept by {}",
            root.display(),
            before.name(),
            driver.name()
        ),
        (Some(driver), _) => {
            check(driver, root)?;
            driver
        }
    };
    if before != Some(driver) {
        fault::point("start: write storage driver");
        fs::write(&file, driver.name()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(driver)
}

fn choose(root: &Path) -> Result<StorageDriver> {
    if overlay_works(root)? {
        return Ok(StorageDriver::Overlay2);
    }
    let driver = if is_btrfs(root) { StorageDriver::Btrfs } else { StorageDriver::Vfs };
    tracing::warn!(
        driver = driver.name(),
        "overlayfs does not work on the data root: files are copied for each container"
    );
    Ok(driver)
}

fn check(driver: StorageDriver, root: &Path) -> Result<()> {
    match driver {
        StorageDriver::Overlay2 if !overlay_works(root)? => {
            bail!("overlayfs does not work on {}: use the storage driver vfs", root.display())
        }
        StorageDriver::Btrfs if !is_btrfs(root) => bail!("{} is not on a btrfs", root.display()),
        _ => Ok(()),
    }
}

/// The file system a data root lies on, as `info` tells it; empty if it is none of the usual ones.
pub(crate) fn backing(root: &Path) -> &'static str {
    use nix::sys::statfs::{EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC};
    let names = [
        (BTRFS_SUPER_MAGIC, "btrfs"),
        (EXT4_SUPER_MAGIC, "extfs"),
        (XFS_SUPER_MAGIC, "xfs"),
        (TMPFS_MAGIC, "tmpfs"),
        (OVERLAYFS_SUPER_MAGIC, "overlayfs"),
    ];
    let Ok(found) = statfs(root).map(|stat| stat.filesystem_type()) else { return "" };
    names.iter().find(|(kind, _)| *kind == found).map_or("", |(_, name)| name)
}

fn is_btrfs(root: &Path) -> bool {
    backing(root) == "btrfs"
}

fn has_containers(root: &Path) -> bool {
    fs::read_dir(root.join(CONTAINERS)).is_ok_and(|mut entries| entries.next().is_some())
}

/// Mounts one, where nobody sees it.
fn overlay_works(root: &Path) -> Result<bool> {
    let trial = root.join(TRIAL);
    let made = || {
        // What a death in an earlier trial left.
        fs::remove_dir_all(&trial).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        fault::point("start: try overlayfs");
        ["lower", "upper", "work", "place"].iter().try_for_each(|name| fs::create_dir_all(trial.join(name)))
    };
    made().with_context(|| format!("cannot make {}", trial.display()))?;
    let view = View {
        lowers: vec![trial.join("lower")],
        changes: Changes::Kept { upper: trial.join("upper"), work: trial.join("work") },
        place: trial.join("place"),
        ..View::default()
    };
    let outcome = view.with(|_| ());
    if let Err(error) = &outcome {
        tracing::debug!(%error, "overlayfs was tried");
    }
    fs::remove_dir_all(&trial).with_context(|| format!("cannot remove {}", trial.display()))?;
    Ok(outcome.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_root_keeps_its_driver_while_it_has_containers() {
        assert!(nix::unistd::geteuid().is_root(), "this test mounts: run it as root");
        let root = tempfile::tempdir().unwrap();
        let settle = |configured: &str| settle(root.path(), configured);
        assert_eq!(settle("vfs").unwrap(), StorageDriver::Vfs);
        assert_eq!(settle("").unwrap(), StorageDriver::Vfs);
        assert_eq!(settle("overlay2").unwrap(), StorageDriver::Overlay2);
        fs::create_dir_all(root.path().join(CONTAINERS).join("one")).unwrap();
        let words = settle("vfs").unwrap_err().to_string();
        assert!(words.contains("were made with the storage driver overlay2"), "{words}");
        assert_eq!(settle("").unwrap(), StorageDriver::Overlay2);
        fs::remove_file(root.path().join(FILE)).unwrap();
        assert_eq!(settle("").unwrap(), StorageDriver::Overlay2);
        assert!(!root.path().join(TRIAL).exists());
    }

    #[test]
    fn btrfs_is_refused_elsewhere() {
        let root = tempfile::tempdir_in("/dev/shm").unwrap();
        assert!(settle(root.path(), "btrfs").unwrap_err().to_string().contains("is not on a btrfs"));
    }
}
