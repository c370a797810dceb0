//! The mount option `U`: what is mounted becomes the container's user's.
//!
//! Done at each start, before the container has its mounts: all of a tree that has another owner by then. A bind of the host gets
//! the numbers that the host has for the container's user, a volume those of the inside, with which it is mounted.

use crate::archive::{blocking, owner};
use crate::error::{Error, Result};
use crate::record::{MountPoint, Record};
use crate::shared::{Shared, containers_dir};
use crate::spec::Invalid;
use crate::tree::{self, Step, Walk};
use crate::userns;
use runtime::view::View;
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// The machine's own directories, which no container's user is given.
const MACHINES: [&str; 19] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc",
    "/root", "/run", "/sbin", "/srv", "/sys", "/usr", "/var",
];

/// Changes the owner of the sources of a container's mounts that ask for it.
///
/// # Errors
/// If the container's user is unknown to its image, or a source is the machine's.
pub(crate) async fn chown(shared: &Shared, record: &Record) -> Result<()> {
    let asked = record.mounts.iter().filter(|mount| mount.chown && mount.is_of_host());
    let asked: Vec<MountPoint> = asked.cloned().collect();
    if asked.is_empty() {
        return Ok(());
    }
    let (lowers, changes) = shared.files(&record.id).await?.for_reading();
    let view = View { lowers, changes, place: containers_dir(&shared.config), binds: Vec::new() };
    let user = record.spec.config.user.clone();
    let users = userns::of(&shared.config, &record.spec.host).cloned();
    blocking(shared, move || {
        let (uid, gid) = if user.is_empty() {
            (0, 0)
        } else {
            view.with(|root| owner(root, &user)).map_err(|error| Error::Files(error.to_string()))??
        };
        for mount in asked {
            let outside = users.as_ref().filter(|_| mount.kind == "bind");
            let numbers = outside.map_or(Some((uid, gid)), |users| users.outside(uid, gid));
            let wrong = |reason: String| Invalid::Mount { kind: "bind", reason };
            let numbers = numbers.ok_or_else(|| wrong(format!("the host has no user for {uid}:{gid}")))?;
            let source = fs::canonicalize(&mount.source).map_err(Error::io("find", &mount.source))?;
            if MACHINES.iter().any(|path| Path::new(path) == source) {
                return Err(
                    wrong(format!("{} cannot be given to a container's user", source.display())).into()
                );
            }
            all(&source, numbers).map_err(Error::io("change the owner of", source))?;
        }
        Ok(())
    })
    .await
}

fn all(source: &Path, numbers: (u32, u32)) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = rustix::fs::openat(CWD, source, flags, Mode::empty())?;
    let stat = tree::stat(top.as_fd())?;
    one(top.as_fd(), &stat, numbers)?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Ok(());
    }
    let mut walk = Walk::new(top.as_fd())?;
    while let Some(step) = walk.next()? {
        if let Step::Entry(entry) = step {
            one(entry.fd(), &entry.stat, numbers)?;
        }
    }
    Ok(())
}

fn one(opened: BorrowedFd<'_>, stat: &rustix::fs::Stat, (uid, gid): (u32, u32)) -> io::Result<()> {
    if (stat.st_uid, stat.st_gid) == (uid, gid) {
        return Ok(());
    }
    fault::point("volume: change owner");
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    Ok(rustix::fs::chownat(opened, c"", uid, gid, AtFlags::EMPTY_PATH)?)
}
