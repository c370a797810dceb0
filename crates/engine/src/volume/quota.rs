//! The option `size`: a volume's own directory is a project with a quota, where the file system has them (ext4, xfs).

use super::Error;
use rand::Rng;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Numbers below this are people's own.
const FIRST_PROJECT: u32 = 1 << 20;
/// How many numbers are tried before giving up.
const ATTEMPTS: usize = 16;

/// A number that no file on the file system of `root` has as its project.
///
/// # Errors
/// [`Error::NoQuota`]
pub(super) fn free_project(volume: &str, root: &Path) -> Result<u32, Error> {
    let opened = File::open(root).map_err(refused(volume, root))?;
    for _ in 0..ATTEMPTS {
        let project = rand::rng().random_range(FIRST_PROJECT..u32::MAX);
        if runtime::quota::is_free(opened.as_fd(), project).map_err(refused(volume, root))? {
            return Ok(project);
        }
    }
    Err(refused(volume, root)(io::Error::other("no project number is free")))
}

/// Makes an empty directory the project, with so much room.
///
/// # Errors
/// [`Error::NoQuota`]
pub(super) fn limit(volume: &str, data: &Path, project: u32, bytes: u64) -> Result<(), Error> {
    let opened = File::open(data).map_err(refused(volume, data))?;
    runtime::quota::limit(opened.as_fd(), project, bytes).map_err(refused(volume, data))
}

/// Gives a project's number back. What fails leaves a limit that nothing counts against.
pub(super) fn lift(root: &Path, project: u32) {
    let lifted = File::open(root).and_then(|opened| runtime::quota::lift(opened.as_fd(), project));
    if let Err(error) = lifted {
        tracing::warn!(%error, project, "the quota of a removed volume stays");
    }
}

fn refused<'a>(volume: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |error| {
        let path = path.display();
        let reason = match Errno::from_io_error(&error) {
            Some(Errno::NOSYS) => "this kernel has no quotas (CONFIG_QUOTA)".to_owned(),
            Some(Errno::SRCH | Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NODEV) => {
                format!("the file system of {path} has no project quotas (mount option prjquota)")
            }
            _ => format!("{path}: {error}"),
        };
        Error::NoQuota { volume: volume.to_owned(), reason }
    }
}
