//! Opening paths of hostile directories: symbolic links are followed beneath the given root only.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::{c_path, check_fd};

/// How symbolic links are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Followed, as if the given directory were `/`. Magic links of procfs never.
    InRoot,
    /// Refused, in every component; leaving the directory is refused too.
    Refuse,
    /// Refused as above, and so is crossing into another mount.
    RefuseAndStay,
}

/// Opens `path` beneath `root`. `mode` is for new files.
pub(crate) fn open(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: libc::c_int,
    mode: u32,
    links: Links,
) -> io::Result<OwnedFd> {
    // `RESOLVE_BENEATH` refuses absolute paths, which only mean the root here.
    let path = match links {
        Links::InRoot => path,
        Links::Refuse | Links::RefuseAndStay => path.strip_prefix("/").unwrap_or(path),
    };
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let path = c_path(path)?;
    // SAFETY: `open_how` is plain numbers, for which all zeros is a valid value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.mode = mode.into();
    how.resolve = match links {
        Links::InRoot => libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS,
        Links::Refuse => libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS,
        Links::RefuseAndStay => libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_XDEV,
    };
    loop {
        // SAFETY: `path` and `how` live through the call, and the size of `how` is passed with it.
        let answer = check_fd(unsafe {
            libc::syscall(
                libc::SYS_openat2,
                root.as_raw_fd(),
                path.as_ptr(),
                &raw const how,
                size_of::<libc::open_how>(),
            )
        });
        match answer {
            // A rename somewhere on the system raced with a scoped lookup (openat2(2)).
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            other => return other,
        }
    }
}
