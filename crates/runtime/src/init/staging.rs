//! A place in which mounts are put together with the machine's privilege, for a container that will not have it.
//!
//! A small tmpfs over the bundle, in a private mount namespace. What is taken out of it are clones; it is detached when
//! dropped, and gone with its mount namespace in any case.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mkdirat, mknodat};
use nix::unistd::{fchownat, setfsgid, setfsuid};

use super::root::{common_parent, open_path};
use super::users::UserNamespace;
use crate::plan::Device;
use crate::sys::c_path;
use crate::sys::mount::{Context, attach, clone_tree, set_idmap};
use crate::sys::process;
use crate::view::clone_source;
use crate::{Error, Result};

/// Where layers are shown as one tree.
const TREE: &str = "tree";

/// The tmpfs.
pub(super) struct Staging<'a> {
    dir: &'a Path,
    tmpfs: OwnedFd,
    users: &'a UserNamespace,
}

/// Layers of an overlay whose files have the container's owners.
pub(super) struct MappedLayers {
    pub(super) lowers: Vec<PathBuf>,
    pub(super) upper: PathBuf,
    pub(super) work: PathBuf,
}

impl<'a> Staging<'a> {
    /// Mounts it over `dir`.
    pub(super) fn new(dir: &'a Path, users: &'a UserNamespace) -> Result<Staging<'a>> {
        let failed = |error: io::Error| Error::path("mount a staging place over", dir)(error);
        let place = open_path(dir).map_err(failed)?;
        let tmpfs = Context::open(c"tmpfs")
            .and_then(|context| context.set(c"mode", c"755").map(|()| context))
            .and_then(|context| context.mount(0))
            .map_err(failed)?;
        attach(tmpfs.as_fd(), place.as_fd()).map_err(failed)?;
        Ok(Staging { dir, tmpfs, users })
    }

    /// Mounts each layer here, id-mapped. The files on disk keep their owners.
    pub(super) fn map_layers(
        &self,
        lowers: &[PathBuf],
        upper: &Path,
        work: &Path,
    ) -> io::Result<MappedLayers> {
        // Before Linux 6.15 a detached mount cannot be a layer, so that each is attached. Overlay wants upper and work on
        // one mount.
        let base = common_parent([upper, work].into_iter());
        let writable = self.map(&base, "w")?;
        let below = |path: &Path| writable.join(path.strip_prefix(&base).unwrap_or(path));
        let lowers = lowers.iter().enumerate();
        Ok(MappedLayers {
            lowers: lowers
                .map(|(number, lower)| self.map(lower, &number.to_string()))
                .collect::<io::Result<_>>()?,
            upper: below(upper),
            work: below(work),
        })
    }

    /// Each layer id-mapped, and a directory over which they can be mounted as one tree.
    pub(super) fn map_lowers(&self, lowers: &[PathBuf]) -> io::Result<(Vec<PathBuf>, PathBuf)> {
        let mapped = lowers.iter().enumerate().map(|(number, lower)| self.map(lower, &number.to_string()));
        let mapped = mapped.collect::<io::Result<_>>()?;
        mkdirat(&self.tmpfs, TREE, Mode::from_bits_truncate(0o700))?;
        Ok((mapped, self.dir.join(TREE)))
    }

    /// Runs `make` as the container's root towards files, but with all of the machine's capabilities. Overlay keeps who has
    /// mounted it for its own work in the writable layer, where the machine's root would be nobody.
    pub(super) fn as_owner<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let (uid, gid) = (setfsuid(self.users.uid(0)), setfsgid(self.users.gid(0)));
        // Those over files have gone with the user.
        let made = process::raise_permitted().and_then(|()| make());
        setfsuid(uid);
        setfsgid(gid);
        made
    }

    fn map(&self, dir: &Path, name: &str) -> io::Result<PathBuf> {
        let tree = open_path(dir).and_then(|dir| clone_tree(dir.as_fd(), c"", false))?;
        set_idmap(tree.as_fd(), false, self.users.as_fd())
            .map_err(|error| io::Error::new(error.kind(), format!("id-map {}: {error}", dir.display())))?;
        mkdirat(&self.tmpfs, name, Mode::from_bits_truncate(0o700))?;
        let place = self.dir.join(name);
        attach(tree.as_fd(), open_path(&place)?.as_fd())?;
        Ok(place)
    }

    /// Each device as a mount of its own, since a container without the machine's privilege cannot make one.
    pub(super) fn devices(&self, devices: &[Device]) -> Result<Vec<OwnedFd>> {
        let device = |(number, device): (usize, &Device)| {
            self.device(device, &format!("d{number}")).map_err(Error::path("make device", &device.path))
        };
        devices.iter().enumerate().map(device).collect()
    }

    fn device(&self, device: &Device, name: &str) -> io::Result<OwnedFd> {
        let kind = SFlag::from_bits_truncate(device.mode & SFlag::S_IFMT.bits());
        let mode = Mode::from_bits_truncate(device.mode & 0o7777);
        let number = makedev(device.major.into(), device.minor.into());
        match mknodat(&self.tmpfs, name, kind, mode, number) {
            Ok(()) => {}
            // Somebody has kept this from us too: then the machine's own node.
            Err(Errno::EPERM) => return clone_source(&device.path, Path::new(""), false),
            Err(error) => return Err(error.into()),
        }
        let (uid, gid) = (self.users.uid(device.uid), self.users.gid(device.gid));
        fchownat(&self.tmpfs, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        clone_tree(self.tmpfs.as_fd(), &c_path(Path::new(name))?, false)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // It is in a private mount namespace, and goes with it at the latest.
        let _ = umount2(self.dir, MntFlags::MNT_DETACH);
    }
}
