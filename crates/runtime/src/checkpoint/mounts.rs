//! Which mounts of a container come from outside, and where they are.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::External;
use crate::init::target::{Make, open_or_make};
use crate::oci::{Mount, Spec};
use crate::plan::{HOST, LOWER, SUBPATH};
use crate::sys::open::{Links, open};
use crate::{Error, Result};

/// The file system of the container's own cgroup.
const CGROUP: &str = "cgroup";

/// Where the mounts from outside are in the container whose first process is `pid`.
pub(super) fn found(spec: &Spec, pid: i32) -> Result<Vec<External>> {
    let path = format!("/proc/{pid}/mountinfo");
    let table = fs::read(&path).map_err(Error::path("read", path))?;
    let path = format!("/proc/{pid}/root");
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let root = File::options().read(true).custom_flags(flags).open(&path);
    let root = OwnedFd::from(root.map_err(Error::path("open", path))?);
    let mut found = Vec::new();
    for mount in from_outside(spec) {
        let destination = named(mount)?;
        let failed = |error: io::Error| Error::path("find the mount at", &destination)(error);
        // By descriptor: the way there may lead over links.
        let place = open(root.as_fd(), &destination, libc::O_PATH, 0, Links::InRoot).map_err(failed)?;
        let id = mount_id(&place).map_err(failed)?;
        let at = mount_point(&table, id).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        found.push(External { destination, at });
    }
    Ok(found)
}

/// What is to be mounted from outside in a container that is brought back; `cgroup` is the directory of its own.
pub(super) fn wanted(spec: &Spec, cgroup: &Path) -> Result<Vec<External>> {
    from_outside(spec)
        .map(|mount| {
            let is_cgroup = mount.typ().as_deref() == Some(CGROUP);
            let at = if is_cgroup { cgroup.to_owned() } else { mount.source().clone().unwrap_or_default() };
            Ok(External { destination: named(mount)?, at })
        })
        .collect()
}

/// Makes the mount points in a root that may never have been a container's. Those in other mounts come back with them.
pub(super) fn make_places(spec: &Spec, root: &OwnedFd) -> Result<()> {
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    for mount in mounts {
        let place = mount.destination();
        let within = |other: &Mount| other.destination() != place && place.starts_with(other.destination());
        if mounts.iter().any(within) {
            continue;
        }
        let is_file = is_bind(mount) && mount.source().as_ref().is_some_and(|source| !source.is_dir());
        fault::point("restore: make mount point");
        open_or_make(root.as_fd(), place, if is_file { Make::File } else { Make::Dir })?;
    }
    Ok(())
}

fn from_outside(spec: &Spec) -> impl Iterator<Item = &Mount> {
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    mounts.iter().filter(|mount| {
        is_bind(mount) || mount.typ().as_deref() == Some(CGROUP) || says(mount, &[HOST, LOWER])
    })
}

fn says(mount: &Mount, beginnings: &[&str]) -> bool {
    let options = mount.options().iter().flatten();
    options.into_iter().any(|option| beginnings.iter().any(|begin| option.starts_with(begin)))
}

fn is_bind(mount: &Mount) -> bool {
    let says = |option: &String| option == "bind" || option == "rbind";
    mount.typ().as_deref() == Some("bind") || mount.options().iter().flatten().any(says)
}

/// The destination, if it can be a name on criu's command line and the source is all of a directory or file.
fn named(mount: &Mount) -> Result<PathBuf> {
    let destination = mount.destination();
    if destination.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b'[' | b']' | b':')) {
        return Err(Error::NotImplemented(
            "a checkpoint of a container with brackets or colons in a mount's name",
        ));
    }
    if says(mount, &[HOST, LOWER]) {
        return Err(Error::NotImplemented(
            "a checkpoint of a container with a mount of a device, a server or an image",
        ));
    }
    if says(mount, &[SUBPATH]) {
        return Err(Error::NotImplemented("a checkpoint of a container with a part of a volume"));
    }
    Ok(destination.clone())
}

fn mount_id(place: &OwnedFd) -> io::Result<u32> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", place.as_raw_fd()))?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Pure: the place of the mount `id` in the text of a `mountinfo`.
fn mount_point(table: &[u8], id: u32) -> Option<PathBuf> {
    let id = id.to_string();
    table.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = line.split(|byte| *byte == b' ');
        (words.next()? == id.as_bytes()).then(|| unescaped(words.nth(3)?)).flatten()
    })
}

/// Pure: blanks and the like are written as three octal digits behind a backslash.
fn unescaped(word: &[u8]) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a, b, c, tail @ ..]) => {
                let digits = [*a, *b, *c];
                let text = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(text, 8).ok()?);
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
        let mut mount = Mount::default();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        mount.set_destination(destination.into()).set_typ(Some(kind.into())).set_source(Some(source.into()));
        mount.set_options(Some(options));
        mount
    }

    #[test]
    fn binds_and_the_cgroup_come_from_outside() {
        let mut spec = Spec::default();
        spec.set_mounts(Some(vec![
            mount("/proc", "proc", "proc", &[]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["ro"]),
            mount("/data", "bind", "/srv", &["rbind"]),
            mount("/more", "none", "/opt", &["bind"]),
        ]));
        let wanted = wanted(&spec, Path::new("/sys/fs/cgroup/x")).unwrap();
        let pairs: Vec<_> =
            wanted.iter().map(|e| (e.destination.to_str().unwrap(), e.at.to_str().unwrap())).collect();
        assert_eq!(pairs, [("/sys/fs/cgroup", "/sys/fs/cgroup/x"), ("/data", "/srv"), ("/more", "/opt")]);
        assert!(named(&mount("/a]:b", "bind", "/x", &[])).is_err());
        assert!(named(&mount("/a", "bind", "/x", &["x-shoal.subpath=y"])).is_err());
    }

    #[test]
    fn a_mount_is_found_by_its_number() {
        let table =
            b"21 1 0:1 / / rw - overlay overlay rw\n22 21 0:2 / /a\\040b rw,relatime - tmpfs tmpfs rw\n";
        assert_eq!(mount_point(table, 22), Some(PathBuf::from("/a b")));
        assert_eq!(mount_point(table, 21), Some(PathBuf::from("/")));
        assert_eq!(mount_point(table, 2), None);
    }
}
