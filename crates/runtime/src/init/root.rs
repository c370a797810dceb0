//! Mounting the container's root, and making it the only one.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, chroot, fchdir, pivot_root};

use super::staging::Staging;
use crate::sys::c_path;
use crate::sys::mount::{Attributes, Context, attach, clone_tree, set_attributes};
use crate::{Error, Extra, Result, Rootfs};

/// Whatever this machine's overlays do by default, a layer holds whole files and directories under their own names: it is
/// compared, committed and copied without the layers below.
const PLAIN: [(&CStr, &CStr); 2] = [(c"redirect_dir", c"off"), (c"metacopy", c"off")];

/// How an overlay is mounted beside its layers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OverlayOptions<'a> {
    /// See [`crate::VOLATILE_ANNOTATION`].
    pub(crate) volatile: bool,
    /// SELinux's context of all its files.
    pub(crate) label: Option<&'a str>,
}

/// Makes the root, attached nowhere. With a `staging` the layers of an overlay are seen through the map of its user
/// namespace. Needs the machine's privilege.
pub(super) fn make(
    rootfs: &Rootfs,
    place: &Path,
    options: OverlayOptions<'_>,
    staging: Option<&Staging<'_>>,
) -> Result<OwnedFd> {
    let (lowers, upper, work) = match rootfs {
        Rootfs::Path(path) => return plain(path),
        Rootfs::Overlay { lowers, upper, work } => (lowers, upper, work),
    };
    match staging {
        None => overlay(lowers, upper, work, options, place),
        Some(staging) => staging.map_layers(lowers, upper, work).and_then(|mapped| {
            let make = || overlay(&mapped.lowers, &mapped.upper, &mapped.work, options, place);
            staging.as_owner(make)
        }),
    }
    .map_err(Error::path("mount overlay of", upper))
}

/// The root that is a directory as it is.
pub(super) fn plain(path: &Path) -> Result<OwnedFd> {
    open_path(path)
        .and_then(|directory| clone_tree(directory.as_fd(), c"", true))
        .map_err(Error::path("mount root", path))
}

/// Where the root is attached, as this process sees it now.
pub(super) fn open_place(place: &Path) -> Result<OwnedFd> {
    open_path(place).map_err(Error::path("open the root's place", place))
}

/// Attaches `root` over `place` in this mount namespace.
pub(super) fn put(root: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<()> {
    // Whatever the host does shows up here, for binds that asked for it; nothing done here shows up there.
    mount(None::<&Path>, "/", None::<&Path>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&Path>)
        .map_err(|error| Error::host("separate the mount namespace")(error.into()))?;
    attach(root, place).map_err(Error::host("attach the root"))
}

/// Makes `root`, which is attached somewhere, the only one: pivots into it, and detaches the host's tree. The root is also
/// the current directory then.
pub(super) fn enter(root: BorrowedFd<'_>, extra: Extra) -> Result<()> {
    let failed = |error: nix::Error| Error::host("pivot into the root")(error.into());
    fchdir(root).map_err(failed)?;
    if extra.no_pivot {
        hide_kernel_mounts().map_err(Error::host("detach the host's procfs and sysfs"))?;
        // Moved over the old root, which then lies beneath, and out of reach for whoever cannot unmount.
        mount(Some("."), "/", None::<&Path>, MsFlags::MS_MOVE, None::<&Path>).map_err(failed)?;
        chroot(".").map_err(failed)?;
        return chdir("/").map_err(failed);
    }
    // The new root is stacked over the old one, which then lies at "." and is let go.
    pivot_root(".", ".").map_err(failed)?;
    umount2(".", MntFlags::MNT_DETACH).map_err(failed)?;
    chdir("/").map_err(failed)
}

/// Whoever finds a way to the old root, which stays beneath the new one, must not find the machine's procfs there.
fn hide_kernel_mounts() -> io::Result<()> {
    let here = nix::unistd::getcwd()?;
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    let places = table.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let is_kernels = kind.starts_with("proc ") || kind.starts_with("sysfs ");
        let place = Path::new(place.split(' ').nth(4)?);
        (is_kernels && !place.starts_with(&here)).then_some(place)
    });
    for place in places.collect::<Vec<_>>().into_iter().rev() {
        match umount2(place, MntFlags::MNT_DETACH) {
            // One below another has gone with it; a name with escaped letters is no place of the kernel's.
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A directory, by following links.
pub(crate) fn open_path(path: &Path) -> io::Result<OwnedFd> {
    File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path).map(OwnedFd::from)
}

/// Layers below a writable one, attached nowhere. On old kernels they are for a moment mounted on `place`, in this mount
/// namespace.
pub(crate) fn overlay(
    lowers: &[PathBuf],
    upper: &Path,
    work: &Path,
    options: OverlayOptions<'_>,
    place: &Path,
) -> io::Result<OwnedFd> {
    if takes_layers_one_by_one() {
        match overlay_layer_by_layer(lowers, upper, work, options) {
            // A path that is longer than one value may be.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            other => return other,
        }
    }
    overlay_at_once(lowers, upper, work, options, open_path(place)?.as_fd())?;
    let overlay = open_path(place).and_then(|root| clone_tree(root.as_fd(), c"", false))?;
    umount2(place, MntFlags::MNT_DETACH)?;
    Ok(overlay)
}

/// Layers that nobody can write to, as one tree attached at `target`, which is the directory `place`.
pub(crate) fn read_only(lowers: &[PathBuf], place: &Path, target: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let [first, rest @ ..] = lowers else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an image without layers has no files"));
    };
    if rest.is_empty() {
        // Overlay wants two layers or a writable one.
        let tree = clone_tree(open_path(first)?.as_fd(), c"", false)?;
        let change = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
        set_attributes(tree.as_fd(), false, change)?;
        return attach(tree.as_fd(), target).map(|()| tree);
    }
    let by_one = || -> io::Result<OwnedFd> {
        let context = Context::open(c"overlay")?;
        for lower in lowers {
            context.set(c"lowerdir+", &c_path(lower)?)?;
        }
        context.set(c"source", c"overlay")?;
        context.mount(libc::MOUNT_ATTR_RDONLY)
    };
    if takes_layers_one_by_one() {
        match by_one() {
            // A path that is longer than one value may be.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            other => return other.and_then(|overlay| attach(overlay.as_fd(), target).map(|()| overlay)),
        }
    }
    overlay_of_lowers(lowers, target)?;
    open_path(place)
}

/// Whether overlay has `lowerdir+`, which Linux 6.7 brought: a single value has 255 bytes at most. By the kernel's number, since
/// one that does not know the option complains to the machine's log each time it is tried.
pub(crate) fn takes_layers_one_by_one() -> bool {
    nix::sys::utsname::uname().is_ok_and(|name| is_at_least(&name.release().to_string_lossy(), (6, 7)))
}

fn is_at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= wanted,
        _ => false,
    }
}

fn overlay_layer_by_layer(
    lowers: &[PathBuf],
    upper: &Path,
    work: &Path,
    options: OverlayOptions<'_>,
) -> io::Result<OwnedFd> {
    let context = Context::open(c"overlay")?;
    for lower in lowers {
        context.set(c"lowerdir+", &c_path(lower)?)?;
    }
    context.set(c"upperdir", &c_path(upper)?)?;
    context.set(c"workdir", &c_path(work)?)?;
    context.set(c"source", c"overlay")?;
    for (name, value) in PLAIN {
        context.set(name, value)?;
    }
    if options.volatile {
        context.set_flag(c"volatile")?;
    }
    if let Some(label) = options.label {
        context.set(c"context", &CString::new(label)?)?;
    }
    context.mount(0)
}

/// With mount(2), whose options are one page at most: names relative to a common directory stretch it.
fn overlay_at_once(
    lowers: &[PathBuf],
    upper: &Path,
    work: &Path,
    options: OverlayOptions<'_>,
    place: BorrowedFd<'_>,
) -> io::Result<()> {
    let base = common_parent(lowers.iter().map(PathBuf::as_path).chain([upper, work]));
    chdir(&base)?;
    let names: Vec<Vec<u8>> = lowers.iter().map(|l| escaped(l, &base)).collect();
    let mut data = b"lowerdir=".to_vec();
    data.extend(names.join(&b':'));
    data.extend(b",upperdir=");
    data.extend(escaped(upper, &base));
    data.extend(b",workdir=");
    data.extend(escaped(work, &base));
    for (name, value) in PLAIN {
        data.extend([b",", name.to_bytes(), b"=", value.to_bytes()].concat());
    }
    if options.volatile {
        data.extend(b",volatile");
    }
    if let Some(label) = options.label {
        data.extend(format!(",context=\"{label}\"").as_bytes());
    }
    let data = CString::new(data)?;
    // The host's procfs is still the one mounted here.
    let target = format!("/proc/self/fd/{}", place.as_raw_fd());
    mount(Some("overlay"), target.as_str(), Some("overlay"), MsFlags::empty(), Some(data.as_c_str()))?;
    Ok(())
}

/// Layers alone, with mount(2): on kernels that cannot take them one by one.
pub(crate) fn overlay_of_lowers(lowers: &[PathBuf], place: BorrowedFd<'_>) -> io::Result<()> {
    let base = common_parent(lowers.iter().map(PathBuf::as_path));
    chdir(&base)?;
    let names: Vec<Vec<u8>> = lowers.iter().map(|lower| escaped(lower, &base)).collect();
    let options = CString::new([b"lowerdir=".to_vec(), names.join(&b':')].concat())?;
    let target = format!("/proc/self/fd/{}", place.as_raw_fd());
    mount(Some("overlay"), target.as_str(), Some("overlay"), MsFlags::MS_RDONLY, Some(options.as_c_str()))?;
    Ok(())
}

/// The directory that holds them all, by name.
pub(super) fn common_parent<'a>(mut paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let first = paths.next().and_then(Path::parent).unwrap_or(Path::new("/"));
    let mut common = first.to_owned();
    for path in paths {
        while !path.starts_with(&common) && common.pop() {}
    }
    common
}

/// The name relative to `base`, with what overlay's and mount's own syntax would take for separators escaped.
fn escaped(path: &Path, base: &Path) -> Vec<u8> {
    let relative = path.strip_prefix(base).unwrap_or(path);
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    let mut name = Vec::new();
    for byte in relative.as_os_str().as_bytes() {
        if matches!(byte, b':' | b',' | b'\\') {
            name.push(b'\\');
        }
        name.push(*byte);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart_by_their_numbers() {
        for (release, expected) in
            [("6.7.0", true), ("6.18.44-x", true), ("7.0-rc1", true), ("6.1.0-32-amd64", false), ("x", false)]
        {
            assert_eq!(is_at_least(release, (6, 7)), expected, "{release}");
        }
    }

    #[test]
    fn names_become_short_and_unambiguous() {
        let paths = ["/data/l/a", "/data/l/b", "/data/c/upper"].map(Path::new);
        let base = common_parent(paths.into_iter());
        assert_eq!(base, Path::new("/data"));
        assert_eq!(escaped(paths[0], &base), b"l/a");
        assert_eq!(escaped(Path::new("/data/x:y,z"), &base), b"x\\:y\\,z");
    }
}
