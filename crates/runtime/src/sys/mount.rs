//! Mounts by file descriptor: nothing here resolves a path twice, so nothing can be swapped in between.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use super::{check, check_fd};

/// Bytes read from a file system context's own explanation of an error.
const EXPLANATION_BYTES: usize = 256;

/// Clones the mount at `path` (relative to `dir`; empty: `dir` itself) into a mount that is attached nowhere.
pub(crate) fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as u32;
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    // SAFETY: `path` is a NUL-terminated string that lives through the call.
    check_fd(unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) })
}

/// Attaches a detached mount on top of what `target` refers to.
pub(crate) fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: both paths are empty NUL-terminated strings; the descriptors are borrowed for the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            flags,
        )
    })?;
    Ok(())
}

/// A change of a mount's attributes. `propagation` is one of `MS_PRIVATE`, `MS_SHARED`, `MS_SLAVE`,
/// `MS_UNBINDABLE`, or 0 for no change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) set: u64,
    pub(crate) clear: u64,
    pub(crate) propagation: u64,
}

/// Changes the attributes of the mount that `mount` refers to.
pub(crate) fn set_attributes(mount: BorrowedFd<'_>, recursive: bool, change: Attributes) -> io::Result<()> {
    if change == Attributes::default() {
        return Ok(());
    }
    let attributes = libc::mount_attr {
        attr_set: change.set,
        attr_clr: change.clear,
        propagation: change.propagation,
        userns_fd: 0,
    };
    self::change(mount, recursive, &attributes)
}

/// Shows the owners of files through the map of a user namespace. The mount must be attached nowhere yet.
pub(crate) fn set_idmap(mount: BorrowedFd<'_>, recursive: bool, users: BorrowedFd<'_>) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: users.as_raw_fd() as u64,
    };
    change(mount, recursive, &attributes)
}

fn change(mount: BorrowedFd<'_>, recursive: bool, attributes: &libc::mount_attr) -> io::Result<()> {
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the structure is initialised, lives through the call, and its size is passed with it.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attributes),
            size_of::<libc::mount_attr>(),
        )
    })?;
    Ok(())
}

/// A file system that is being configured.
#[derive(Debug)]
pub(crate) struct Context(OwnedFd);

impl Context {
    /// Begins a file system of type `name`.
    pub(crate) fn open(name: &CStr) -> io::Result<Context> {
        // SAFETY: `name` is a NUL-terminated string that lives through the call.
        check_fd(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), FSOPEN_CLOEXEC) }).map(Context)
    }

    /// Sets `key` to `value`.
    pub(crate) fn set(&self, key: &CStr, value: &CStr) -> io::Result<()> {
        self.configure(libc::FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())
    }

    /// Sets the flag `key`.
    pub(crate) fn set_flag(&self, key: &CStr) -> io::Result<()> {
        self.configure(libc::FSCONFIG_SET_FLAG, key.as_ptr(), ptr::null())
    }

    /// Makes the file system, and a mount of it that is attached nowhere.
    pub(crate) fn mount(self, attributes: u64) -> io::Result<OwnedFd> {
        self.configure(libc::FSCONFIG_CMD_CREATE, ptr::null(), ptr::null())?;
        // SAFETY: takes no pointers.
        check_fd(unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), FSMOUNT_CLOEXEC, attributes) })
    }

    fn configure(
        &self,
        command: libc::c_uint,
        key: *const libc::c_char,
        value: *const libc::c_char,
    ) -> io::Result<()> {
        // SAFETY: `key` and `value` are null, where the command takes none, or NUL-terminated strings of the caller.
        let answer = unsafe { libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, key, value, 0) };
        check(answer).map(drop).map_err(|error| self.explain(error))
    }

    /// The kernel's own words for why a context refuses something, if it left any.
    fn explain(&self, error: io::Error) -> io::Error {
        let mut words = [0; EXPLANATION_BYTES];
        match nix::unistd::read(self.0.as_fd(), &mut words) {
            Ok(length) if length > 0 => {
                let words = String::from_utf8_lossy(&words[..length]);
                io::Error::new(error.kind(), format!("{error} ({})", words.trim()))
            }
            _ => error,
        }
    }
}

const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
