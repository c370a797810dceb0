//! User namespaces: made by a short-lived process that holds one until its maps are written and it is open here.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Pid, Uid, pipe2, setgroups, setresgid, setresuid};

use crate::plan::{IdMap, IdMaps, Users};
use crate::sys::process::{Side, clone, exit_now};
use crate::{Error, Result};

/// A user namespace that is open.
pub(super) struct UserNamespace {
    file: OwnedFd,
    maps: IdMaps,
}

impl UserNamespace {
    /// Makes or opens the one of the plan. Needs the machine's procfs.
    pub(super) fn open(users: &Users) -> Result<UserNamespace> {
        match users {
            Users::New(maps) => UserNamespace::new(maps),
            Users::Join(path) => UserNamespace::of_another(path),
        }
    }

    /// Makes one.
    pub(super) fn new(maps: &IdMaps) -> Result<UserNamespace> {
        let file = with_process(libc::CLONE_NEWUSER as u64, drop, |pid, _| {
            write_map(pid, "uid_map", &maps.uids)?;
            write_map(pid, "gid_map", &maps.gids)?;
            let path = format!("/proc/{pid}/ns/user");
            File::open(&path).map(OwnedFd::from).map_err(Error::path("open", path))
        })?;
        Ok(UserNamespace { file, maps: maps.clone() })
    }

    /// Another's; its maps can only be read in it.
    fn of_another(path: &Path) -> Result<UserNamespace> {
        let file = OwnedFd::from(File::open(path).map_err(Error::path("open namespace", path))?);
        let tell = |mut pipe: File| {
            // A reader who learns nothing says so.
            if setns(&file, CloneFlags::CLONE_NEWUSER).is_ok() {
                let read = |name| fs::read_to_string(name).unwrap_or_default();
                let maps = [read("/proc/self/uid_map"), read("/proc/self/gid_map")];
                let _ = pipe.write_all(maps.join(SEPARATOR).as_bytes());
            }
        };
        let text = with_process(0, tell, |_, mut pipe| {
            let mut text = String::new();
            pipe.read_to_string(&mut text).map(|_| text).map_err(Error::path("read the maps of", path))
        })?;
        let (uids, gids) = text
            .split_once(SEPARATOR)
            .ok_or_else(|| Error::Invalid(format!("{} is not a user namespace to join", path.display())))?;
        let maps = IdMaps { uids: IdMap::parse(uids), gids: IdMap::parse(gids) };
        Ok(UserNamespace { file, maps })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A user of the container as the machine numbers it; the machine's root, if it has no number.
    pub(super) fn uid(&self, inside: u32) -> Uid {
        Uid::from_raw(self.maps.uids.outside(inside).unwrap_or(0))
    }

    /// As [`UserNamespace::uid`], for a group.
    pub(super) fn gid(&self, inside: u32) -> Gid {
        Gid::from_raw(self.maps.gids.outside(inside).unwrap_or(0))
    }

    /// Moves this process into it. It keeps its number, which in there is nobody's.
    pub(super) fn enter(&self) -> Result<()> {
        setns(self.as_fd(), CloneFlags::CLONE_NEWUSER)
            .map_err(|error| Error::host("join the user namespace")(error.into()))
    }
}

/// Becomes the root of the user namespace that this process is in: before, it could make no files.
pub(super) fn become_root() -> Result<()> {
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setgroups(&[])
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .map_err(|error| Error::host("become root of the user namespace (is 0 mapped?)")(error.into()))
}

/// Between the two maps; neither has empty lines.
const SEPARATOR: &str = "\n\n";

/// Runs `inside` in a short-lived clone and `outside` here, with the ends of one pipe. What the clone was made for, its
/// namespace, lives until `outside` is through.
fn with_process<T>(
    namespaces: u64,
    inside: impl FnOnce(File),
    outside: impl FnOnce(i32, File) -> Result<T>,
) -> Result<T> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|error| Error::host("make a pipe")(error.into()));
    let (answers, answer) = pipe()?;
    let (end, until) = pipe()?;
    // SAFETY: this process is a clone with one thread, and has made no others.
    match unsafe { clone(namespaces, None) }.map_err(Error::host("clone the holder of a user namespace"))? {
        Side::Child => {
            drop(until);
            inside(File::from(answer));
            // Until the other end is closed.
            let _ = File::from(end).read(&mut [0]);
            exit_now(0)
        }
        Side::Parent(pid) => {
            drop(answer);
            let outcome = outside(pid, File::from(answers));
            drop(until);
            let _ = waitpid(Pid::from_raw(pid), None);
            outcome
        }
    }
}

fn write_map(pid: i32, name: &str, map: &IdMap) -> Result<()> {
    let path = format!("/proc/{pid}/{name}");
    // In one write, as the kernel wants it.
    fs::write(&path, map.text()).map_err(Error::path("write", path))
}
