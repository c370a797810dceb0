//! Our own binary, opened so that nobody can write to it through `/proc/self/exe` (CVE-2019-5736).

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::sys::c_path;
use crate::sys::mount::{Attributes, clone_tree, set_attributes};
use crate::sys::open::{Links, open};
use crate::{Error, Result};

/// Opens `program` on a private read-only mount that belongs to no namespace. Running `/proc/self/fd/N` of the
/// result gives a process whose `/proc/self/exe` can never be opened for writing, nor remounted, not
/// even by root in a container: the mount can be reached by nobody any more.
///
/// # Errors
/// If the file does not exist, or the kernel is too old for detached mounts (5.12).
pub fn sealed(program: &Path) -> Result<OwnedFd> {
    let failed = |error| Error::path("seal", program)(error);
    let directory = program.parent().unwrap_or(Path::new("/"));
    let name = program.file_name().ok_or_else(|| failed(std::io::ErrorKind::InvalidInput.into()))?;
    let directory =
        File::options().read(true).custom_flags(libc::O_DIRECTORY).open(directory).map_err(failed)?;
    let mount = c_path(Path::new("."))
        .and_then(|here| clone_tree(directory.as_fd(), &here, false))
        .map_err(failed)?;
    let readonly = Attributes { set: libc::MOUNT_ATTR_RDONLY, ..Attributes::default() };
    set_attributes(mount.as_fd(), false, readonly).map_err(failed)?;
    open(mount.as_fd(), Path::new(name), libc::O_RDONLY, 0, Links::Refuse).map_err(failed)
}

/// Whether the running program's binary is already on a read-only mount.
///
/// # Errors
/// If procfs does not answer.
pub fn is_sealed() -> Result<bool> {
    let status = nix::sys::statvfs::statvfs("/proc/self/exe")
        .map_err(|error| Error::host("look at the running program")(error.into()))?;
    Ok(status.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}
