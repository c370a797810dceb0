//! The files of a container without its processes: its root, mounted where nobody but one thread sees it.
//!
//! Purpose: copying from and to a stopped container, filling a volume from an image, exporting. Inputs: directories of
//! layers, sources of mounts. Outputs: the open root, which lives as long as the thread that was given it.
//!
//! May not touch: the mount table of the host. The thread has a mount namespace of its own, which the kernel takes away
//! with it, whatever ends it. What is looked up in the root must be looked up beneath it: the image and the container
//! have laid out its links.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use crate::init::target::{Make, open_or_make};
use crate::init::{root, source};
use crate::plan::Mount;
use crate::sys::c_path;
use crate::sys::mount::{Attributes, Context, attach, clone_tree, set_attributes};
use crate::sys::open::{Links, open};
use crate::sys::process::prctl;
use crate::{Error, Result, oci};

/// A change of user leaves a thread its capabilities (linux/securebits.h).
const SECBIT_NO_SETUID_FIXUP: u64 = 1 << 2;

/// What is to be seen.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Read-only layers, topmost first.
    pub lowers: Vec<PathBuf>,
    /// What becomes of changes.
    pub changes: Changes,
    /// Mounted on top, in this order, on mount points that are made if they are missing: not for [`Changes::Refused`].
    pub binds: Vec<Bind>,
    /// A directory of the caller's, in whose place the root appears to the thread.
    pub place: PathBuf,
}

/// What becomes of changes in a [`View`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Changes {
    /// None can be made.
    #[default]
    Refused,
    /// They are made in the one layer there is.
    InPlace,
    /// They last as long as the view, in memory.
    Forgotten,
    /// They go to this writable layer, with overlay's work directory. Nothing else may have them mounted.
    Kept {
        /// The writable layer.
        upper: PathBuf,
        /// The work directory, on the same file system.
        work: PathBuf,
    },
}

/// A directory or file of the host, or what the machine puts together, in a [`View`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// Within the source, whose links cannot lead out of it; empty for all of it.
    pub subpath: PathBuf,
    /// Instead of both: a mount of a device, a server, or layers, as the runtime's configuration has it.
    pub mount: Option<oci::Mount>,
    /// In the root.
    pub target: PathBuf,
    /// Whether it can only be read.
    pub read_only: bool,
}

impl View {
    /// Runs `work` with the root of this view, on a thread of its own, and waits for it.
    ///
    /// # Errors
    /// If the view cannot be made.
    pub fn with<T: Send>(&self, work: impl FnOnce(BorrowedFd<'_>) -> T + Send) -> Result<T> {
        on_thread("view", || self.make().map(|root| work(root.as_fd())))
    }

    /// Makes the view for the rest of this process's life; the root also appears at the place, for it and its children.
    ///
    /// # Errors
    /// If the view cannot be made, or the process has more than one thread.
    pub fn enter(&self) -> Result<OwnedFd> {
        let here = std::env::current_dir().map_err(Error::host("find the current directory"))?;
        let root = self.make()?;
        // Layers have short names, which are told from where they lie.
        std::env::set_current_dir(&here).map_err(Error::path("return to", here))?;
        Ok(root)
    }

    /// Changes the calling thread for good: only for one that ends with the view.
    fn make(&self) -> Result<OwnedFd> {
        leave_host()?;
        let place = root::open_path(&self.place).map_err(Error::path("open", &self.place))?;
        let at = place.as_fd();
        let made = match &self.changes {
            Changes::Refused => root::read_only(&self.lowers, &self.place, at),
            Changes::InPlace => in_place(&self.lowers, at),
            Changes::Forgotten => in_memory(&self.lowers, &self.place, at),
            Changes::Kept { upper, work } => {
                fault::point("view: mount overlay");
                root::overlay(&self.lowers, upper, work, root::OverlayOptions::default(), &self.place)
                    .and_then(|root| attach(root.as_fd(), at).map(|()| root))
            }
        };
        let root = made.map_err(Error::path("mount layers at", &self.place))?;
        for bind in &self.binds {
            attach_bind(bind, root.as_fd(), &self.place)?;
        }
        Ok(root)
    }
}

/// Runs `work` with the root of what the machine puts together for `mount`: a device's file system, say. On a thread of its own,
/// over any directory `place`; waits for it.
///
/// # Errors
/// If it cannot be mounted, or is a directory of the host as it is.
pub fn with_mount<T: Send>(
    mount: &oci::Mount,
    place: &Path,
    work: impl FnOnce(BorrowedFd<'_>) -> T + Send,
) -> Result<T> {
    let mount = Mount::new(mount)?;
    on_thread("mount", || {
        leave_host()?;
        let tree = source::make(&mount, place)?
            .ok_or_else(|| Error::Invalid("this is not a mount that the machine puts together".to_owned()))?;
        let target = root::open_path(place).map_err(Error::path("open", place))?;
        attach(tree.as_fd(), target.as_fd()).map_err(Error::path("mount on", place))?;
        Ok(work(tree.as_fd()))
    })
}

/// Gives the calling thread a mount namespace, out of which nothing spreads.
fn leave_host() -> Result<()> {
    unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS)
        .map_err(|error| Error::host("make a mount namespace")(error.into()))?;
    mount(None::<&Path>, "/", None::<&Path>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&Path>)
        .map_err(|error| Error::host("separate the mount namespace")(error.into()))
}

/// Runs `work` on a thread of its own that makes files for this user and group, and waits for it. It can do all else that the
/// caller can: for files of a container with users of its own, in which the caller's own numbers cannot be written.
///
/// # Errors
/// If the thread cannot be made so.
pub fn as_owner<T: Send>((uid, gid): (u32, u32), work: impl FnOnce() -> T + Send) -> Result<T> {
    on_thread("owner", move || {
        // Else giving up root's number would take its powers over files.
        prctl(libc::PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP).map_err(Error::host("keep capabilities"))?;
        setfsgid(Gid::from_raw(gid));
        setfsuid(Uid::from_raw(uid));
        Ok(work())
    })
}

/// Runs `work` on a thread of its own, which ends with it, and with it what it has changed of itself.
fn on_thread<T: Send>(name: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let running = thread.spawn_scoped(scope, work).map_err(Error::host("start a thread"))?;
        running.join().map_err(|_| Error::Host {
            action: "look into a container",
            source: io::Error::other("the thread ended early"),
        })?
    })
}

fn in_place(lowers: &[PathBuf], target: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let [tree] = lowers else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than one layer to change"));
    };
    let tree = clone_tree(root::open_path(tree)?.as_fd(), c"", false)?;
    attach(tree.as_fd(), target).map(|()| tree)
}

fn in_memory(lowers: &[PathBuf], place: &Path, target: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let memory = Context::open(c"tmpfs")?.mount(0)?;
    attach(memory.as_fd(), target)?;
    let (upper, work) = (place.join("upper"), place.join("work"));
    std::fs::create_dir(&upper)?;
    std::fs::create_dir(&work)?;
    // Over the memory, which the overlay holds on to.
    let overlay = root::overlay(lowers, &upper, &work, root::OverlayOptions::default(), place)?;
    attach(overlay.as_fd(), root::open_path(place)?.as_fd()).map(|()| overlay)
}

fn attach_bind(bind: &Bind, root: BorrowedFd<'_>, place: &Path) -> Result<()> {
    let made = match &bind.mount {
        Some(mount) => source::make(&Mount::new(mount)?, place)?,
        None => None,
    };
    let (tree, kind) = made
        .map_or_else(|| clone_source(&bind.source, &bind.subpath, true), Ok)
        .and_then(|tree| fstat(&tree).map(|kind| (tree, kind)).map_err(io::Error::from))
        .map_err(Error::path("mount", &bind.source))?;
    let is_dir = SFlag::from_bits_truncate(kind.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR;
    let place = open_or_make(root, &bind.target, if is_dir { Make::Dir } else { Make::File })?;
    let mut change = Attributes { propagation: libc::MS_PRIVATE, ..Attributes::default() };
    if bind.read_only {
        change.set = libc::MOUNT_ATTR_RDONLY;
    }
    set_attributes(tree.as_fd(), true, change)
        .and_then(|()| attach(tree.as_fd(), place.as_fd()))
        .map_err(Error::path("mount on", &bind.target))
}

/// A clone of what lies at `subpath` beneath `source`, attached nowhere. Links in `source` itself are the host's and
/// followed; those in `subpath` lie in what a container may have written, and stay beneath `source`.
pub(crate) fn clone_source(source: &Path, subpath: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let path = c_path(source)?;
    let opened = nix::fcntl::open(path.as_c_str(), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    if subpath.as_os_str().is_empty() {
        return clone_tree(opened.as_fd(), c"", recursive);
    }
    let within = open(opened.as_fd(), subpath, libc::O_PATH, 0, Links::InRoot)?;
    clone_tree(within.as_fd(), c"", recursive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn layers(root: &Path) -> View {
        for layer in ["a", "b", "upper", "work", "place", "volume"] {
            fs::create_dir(root.join(layer)).unwrap();
        }
        fs::write(root.join("a/one"), "1").unwrap();
        fs::write(root.join("b/two"), "2").unwrap();
        fs::write(root.join("volume/three"), "3").unwrap();
        View { lowers: vec![root.join("a"), root.join("b")], place: root.join("place"), ..View::default() }
    }

    fn read(root: BorrowedFd<'_>, path: &str) -> io::Result<String> {
        let fd = open(root, Path::new(path), libc::O_RDONLY, 0, Links::InRoot)?;
        io::read_to_string(fs::File::from(fd))
    }

    #[test]
    fn layers_are_seen_by_nobody_else() {
        assert!(nix::unistd::geteuid().is_root(), "this test mounts: run it as root");
        let root = tempfile::tempdir().unwrap();
        let view = layers(root.path());
        let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
        view.with(|top| {
            assert_eq!(read(top, "/one").unwrap() + &read(top, "two").unwrap(), "12");
            let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert_eq!(mounts.contains("place"), before.contains("place"));
            let made = open(top, Path::new("new"), libc::O_CREAT | libc::O_WRONLY, 0o600, Links::InRoot);
            assert_eq!(made.unwrap_err().raw_os_error(), Some(libc::EROFS));
        })
        .unwrap();
        let single = View { lowers: vec![root.path().join("a")], ..view };
        assert_eq!(single.with(|top| read(top, "one").unwrap()).unwrap(), "1");
    }

    /// A default of the machine's overlays, which is put back.
    struct Parameter(String, &'static str);

    impl Parameter {
        fn set(name: &str, value: &'static str) -> Parameter {
            let path = format!("/sys/module/overlay/parameters/{name}");
            let old = fs::read_to_string(&path).unwrap();
            fs::write(&path, value).unwrap();
            Parameter(path, if old.trim() == "Y" { "Y" } else { "N" })
        }
    }

    impl Drop for Parameter {
        fn drop(&mut self) {
            let _ = fs::write(&self.0, self.1);
        }
    }

    #[test]
    fn a_layer_is_whole_whatever_the_machines_overlays_do_by_default() {
        assert!(nix::unistd::geteuid().is_root(), "this test mounts: run it as root");
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        let mut view = layers(path);
        view.changes = Changes::Kept { upper: path.join("upper"), work: path.join("work") };
        fs::create_dir(path.join("a/dir")).unwrap();
        let (redirect, metacopy) = (Parameter::set("redirect_dir", "Y"), Parameter::set("metacopy", "Y"));
        let done = view.with(|top| {
            let one = open(top, Path::new("one"), libc::O_RDONLY, 0, Links::InRoot).unwrap();
            nix::sys::stat::fchmod(&one, Mode::from_bits_truncate(0o600)).unwrap();
            nix::fcntl::renameat(top, "dir", top, "moved")
        });
        drop((redirect, metacopy));
        assert_eq!(done.unwrap(), Err(nix::errno::Errno::EXDEV));
        assert_eq!(fs::read_to_string(path.join("upper/one")).unwrap(), "1");
    }

    #[test]
    fn binds_are_on_top_and_their_subpaths_stay_inside() {
        assert!(nix::unistd::geteuid().is_root(), "this test mounts: run it as root");
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        let mut view = layers(path);
        view.changes = Changes::Kept { upper: path.join("upper"), work: path.join("work") };
        let bind = |subpath: &str, read_only| Bind {
            source: path.join("volume"),
            subpath: subpath.into(),
            target: "/data".into(),
            read_only,
            mount: None,
        };
        view.binds = vec![bind("", true)];
        view.with(|top| {
            assert_eq!(read(top, "/data/three").unwrap(), "3");
            let made = open(top, Path::new("data/x"), libc::O_CREAT | libc::O_WRONLY, 0o600, Links::InRoot);
            assert_eq!(made.unwrap_err().raw_os_error(), Some(libc::EROFS));
        })
        .unwrap();
        assert!(path.join("upper/data").is_dir() && !path.join("place/upper").exists());
        view.changes = Changes::Forgotten;
        view.with(|top| {
            assert_eq!(read(top, "/data/three").unwrap() + &read(top, "one").unwrap(), "31");
            open(top, Path::new("new"), libc::O_CREAT | libc::O_WRONLY, 0o600, Links::InRoot).unwrap();
        })
        .unwrap();
        assert!(!path.join("upper/new").exists());
        let plain = View { lowers: vec![path.join("b")], changes: Changes::InPlace, ..view.clone() };
        plain
            .with(|top| {
                assert_eq!(read(top, "/data/three").unwrap(), "3");
                open(top, Path::new("new"), libc::O_CREAT | libc::O_WRONLY, 0o600, Links::InRoot).unwrap();
            })
            .unwrap();
        assert!(path.join("b/new").exists() && !path.join("b/data/three").exists());
        std::os::unix::fs::symlink("/../../a", path.join("volume/out")).unwrap();
        view.binds = vec![bind("out", false)];
        assert!(view.with(|_| ()).is_err(), "a subpath leads out of its volume");
    }
}
