//! Who the program is and what it may do: user, groups, capabilities, limits, system calls, standard streams.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag, fstat, makedev};
use nix::unistd::{Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown, setgroups, setresgid, setresuid};

use super::channel::Channel;
use crate::plan::Process;
use crate::seccomp::Filter;
use crate::sys::open::{Links, open};
use crate::sys::process;
use crate::user::{self, User};
use crate::{Error, Result};

/// `passwd` and `group` of an image are read up to here.
const MAX_DATABASE_BYTES: u64 = 4 * 1024 * 1024;
/// There are fewer capabilities than bits in a set.
const CAPABILITIES: u64 = 64;

/// The user as the specification or the image names it, looked up beneath `root`.
pub(super) fn resolve(process: &Process, name: Option<&str>, root: BorrowedFd<'_>) -> Result<User> {
    let passwd = read_database(root, "/etc/passwd")?;
    let group = read_database(root, "/etc/group")?;
    let numbers = process.uid.to_string();
    let mut user = user::resolve(name.unwrap_or(&numbers), &passwd, &group)
        .map_err(|error| Error::Invalid(error.to_string()))?;
    if name.is_none() {
        // The specification has said all of it; only the home directory was looked up.
        user.gid = process.gid;
        user.groups.clear();
    }
    user.groups.extend(&process.groups);
    for name in &process.group_names {
        let gid = user::further_group(name, &group).map_err(|error| Error::Invalid(error.to_string()))?;
        user.groups.push(gid);
    }
    // A file that denies its own group must deny this user too (CVE-2022-36109).
    user.groups.push(user.gid);
    user.groups.sort_unstable();
    user.groups.dedup();
    Ok(user)
}

/// The file's contents; empty if there is none or it is no ordinary file: images without users are common.
fn read_database(root: BorrowedFd<'_>, path: &str) -> Result<Vec<u8>> {
    let failed = |error: io::Error| Error::path("read", path)(error);
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match open(root, Path::new(path), flags, 0, Links::InRoot) {
        Ok(file) => File::from(file),
        Err(_) => return Ok(Vec::new()),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    file.take(MAX_DATABASE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Makes the three descriptors the standard streams of this process.
pub(super) fn set_streams(
    stdin: BorrowedFd<'_>,
    stdout: BorrowedFd<'_>,
    stderr: BorrowedFd<'_>,
) -> Result<()> {
    dup2_stdin(stdin)
        .and_then(|()| dup2_stdout(stdout))
        .and_then(|()| dup2_stderr(stderr))
        .map_err(|error| Error::host("set the standard streams")(error.into()))
}

/// Puts the container's own `/dev/null` in the place of the machine's: a file of the machine's cannot be frozen into
/// files, nor be reopened by its name.
pub(super) fn own_null(root: BorrowedFd<'_>) -> Result<()> {
    let failed = |error: io::Error| Error::host("open the container's /dev/null")(error);
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let streams = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    for (number, stream) in streams.into_iter().enumerate() {
        if !is_null(stream).map_err(failed)? {
            continue;
        }
        let own = open(root, Path::new("/dev/null"), libc::O_RDWR | libc::O_NOCTTY, 0, Links::InRoot);
        // An image may be without it, or have something else in its place.
        let Some(own) = own.ok().filter(|own| is_null(own.as_fd()).unwrap_or(false)) else { return Ok(()) };
        match number {
            0 => dup2_stdin(&own),
            1 => dup2_stdout(&own),
            _ => dup2_stderr(&own),
        }
        .map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

/// Whether it is the device that takes everything and gives nothing.
fn is_null(stream: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(is_null_device(&fstat(stream)?))
}

fn is_null_device(status: &FileStat) -> bool {
    status.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits() && status.st_rdev == makedev(1, 3)
}

/// Lets the user reopen its streams by `/dev/stdout` and the like, whose files root has made.
pub(super) fn give_streams(user: &User) -> Result<()> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    for stream in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
        give(stream, Uid::from_raw(user.uid), None)?;
    }
    Ok(())
}

/// Lets `uid`, and the group if one is given, own an open stream.
pub(super) fn give(stream: BorrowedFd<'_>, uid: Uid, gid: Option<Gid>) -> Result<()> {
    let failed = |error: Errno| Error::host("give away a standard stream")(error.into());
    let status = fstat(stream).map_err(failed)?;
    if is_null_device(&status) || status.st_uid == uid.as_raw() && gid.is_none() {
        return Ok(());
    }
    match fchown(stream, Some(uid), gid) {
        // Somebody's file, on a file system that does not do owners.
        Ok(()) | Err(Errno::EINVAL | Errno::EPERM | Errno::EROFS) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Becomes the user with nothing more than the plan allows. Needs privilege, and has none afterwards that is not
/// in the plan.
pub(super) fn assume(
    process: &Process,
    filter: Option<&Filter>,
    user: &User,
    channel: &Channel,
) -> Result<()> {
    process.rlimits.iter().try_for_each(|limit| limit.set_of(0))?;
    let available = process::permitted_capabilities().map_err(failed)?;
    drop_bounding(process.capabilities.bounding)?;
    if process.no_new_privileges {
        process::prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map_err(failed)?;
    } else {
        // Installing a filter then takes CAP_SYS_ADMIN, which is about to go.
        install_filter(filter, channel)?;
    }
    process::prctl(libc::PR_SET_KEEPCAPS, 1).map_err(failed)?;
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&groups)
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .map_err(|error| Error::host("change the user")(error.into()))?;
    process::prctl(libc::PR_SET_KEEPCAPS, 0).map_err(failed)?;
    let sets = process.capabilities;
    let permitted = sets.permitted & available;
    // What this machine's root does not have cannot be given away, "privileged" or not.
    process::set_capabilities(sets.effective & permitted, permitted, sets.inheritable & available)
        .map_err(failed)?;
    // The kernel's own rule for what can be ambient; older configurations name more, as they did before it was checked.
    let ambient = sets.ambient & permitted & sets.inheritable;
    for capability in (0..CAPABILITIES).filter(|bit| ambient >> bit & 1 == 1) {
        process::raise_ambient(capability).map_err(failed)?;
    }
    if process.no_new_privileges {
        install_filter(filter, channel)?;
    }
    Ok(())
}

fn install_filter(filter: Option<&Filter>, channel: &Channel) -> Result<()> {
    let Some(filter) = filter else {
        return Ok(());
    };
    let listener = process::install_filter(&filter.program, filter.flags)
        .map_err(Error::host("install the seccomp filter"))?;
    // At once: from now on this process' own calls may wait for who gets it.
    listener.map_or(Ok(()), |listener| channel.send_listener(listener))
}

fn drop_bounding(keep: u64) -> Result<()> {
    for capability in (0..CAPABILITIES).filter(|bit| keep >> bit & 1 == 0) {
        match process::prctl(libc::PR_CAPBSET_DROP, capability) {
            Ok(_) => {}
            // Past the last one that this kernel has.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn failed(error: io::Error) -> Error {
    Error::host("set capabilities")(error)
}
