//! Sources of binds that lie in another container: `/proc/PID/root/dev/shm`.
//!
//! A mount can only be cloned from within its own mount namespace, so this process goes there and comes back. It has one
//! thread, and nothing is run in between.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::sys::mount::clone_tree;
use crate::sys::open::{Links, open as open_beneath};
use crate::sys::process;

/// A clone of the mount at `inside` as process `pid` sees it. The other container's links are not followed.
pub(super) fn clone_mount(pid: &Path, inside: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let namespace = |process: &Path| File::open(Path::new("/proc").join(process).join("ns/mnt"));
    let (home, there) = (namespace(Path::new("self"))?, namespace(pid)?);
    let directory = open(".", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    process::join(there.as_fd(), libc::CLONE_NEWNS)?;
    let cloned = || {
        let root = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let source = open_beneath(root.as_fd(), inside, libc::O_PATH, 0, Links::Refuse)?;
        clone_tree(source.as_fd(), c"", recursive)
    };
    let tree = cloned();
    process::join(home.as_fd(), libc::CLONE_NEWNS)?;
    nix::unistd::fchdir(directory.as_fd())?;
    tree
}

/// Splits `/proc/PID/root/…` into the process and what it sees.
pub(super) fn split(source: &Path) -> Option<(&Path, PathBuf)> {
    let mut parts = source.components();
    let mut is = |word: &str| parts.next().is_some_and(|part| part.as_os_str() == word);
    if !(is("/") && is("proc")) {
        return None;
    }
    let Component::Normal(pid) = parts.next()? else { return None };
    let number = pid.to_str()?.parse::<u32>().is_ok();
    let root = parts.next()?.as_os_str() == "root";
    (number && root).then(|| (Path::new(pid), Path::new("/").join(parts.as_path())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_roots_of_processes_are_foreign() {
        let found = split(Path::new("/proc/12/root/dev/shm"));
        assert_eq!(found, Some((Path::new("12"), PathBuf::from("/dev/shm"))));
        for path in ["/dev/shm", "/proc/self/root/x", "/proc/1/cwd/x", "/proc", "proc/1/root"] {
            assert_eq!(split(Path::new(path)), None, "{path}");
        }
    }
}
