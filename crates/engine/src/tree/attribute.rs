//! Extended attributes that belong to a file's contents.

use super::open::by_descriptor;
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;

/// Most bytes of names, and of one value: the kernel's own limits.
const MAX_BYTES: usize = 64 << 10;

const OPAQUE: &str = "trusted.overlay.opaque";

/// Name and value of each attribute of what is open, which must not be a link.
pub(crate) fn xattrs(opened: BorrowedFd<'_>) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = by_descriptor(opened);
    let mut names = Vec::new();
    let mut buffer = vec![0; MAX_BYTES];
    match rustix::fs::listxattr(&path, &mut buffer) {
        Ok(0) | Err(Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => return Ok(Vec::new()),
        Ok(length) => names.extend(buffer[..length].split(|byte| *byte == 0).map(<[u8]>::to_vec)),
        Err(error) => return Err(error.into()),
    }
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| is_content(name)) {
        match rustix::fs::getxattr(&path, name.as_slice(), &mut buffer) {
            Ok(length) => found.push((name, buffer[..length].to_vec())),
            // It went away meanwhile, or is not for us.
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Whether overlayfs hides all that is below a directory of a writable layer.
pub(crate) fn is_opaque(opened: BorrowedFd<'_>) -> io::Result<bool> {
    let mut value = [0; 2];
    match rustix::fs::getxattr(by_descriptor(opened), OPAQUE, &mut value) {
        Ok(length) => Ok(&value[..length] == b"y"),
        // A longer value is none of overlayfs'.
        Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes a directory hide what is below it.
pub(super) fn set_opaque(opened: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::setxattr(by_descriptor(opened), OPAQUE, b"y", XattrFlags::empty())?)
}

/// Makes a directory hide nothing.
pub(super) fn unset_opaque(opened: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::removexattr(by_descriptor(opened), OPAQUE)?)
}

/// What a process in a container may have set, and file capabilities; never overlayfs' own nor labels of this machine.
fn is_content(name: &[u8]) -> bool {
    let user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
    user || name == b"security.capability" || name.starts_with(b"system.posix_acl_")
}
