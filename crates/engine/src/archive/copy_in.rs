//! `PUT /containers/{id}/archive`: an archive is extracted in a container.

use super::owner::Ownership;
use super::path::Wanted;
use super::patient::fed;
use super::reach::{Purpose, Reach, path_error};
use super::stat::follow;
use crate::container::Containers;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::spec::Invalid;
use crate::tree;
use crate::userns::IdMaps;
use image::archive::{Rules, extract, open_plain};
use rustix::fs::{FileType, OFlags};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use tokio::io::AsyncRead;

/// Longest list of users or groups of an image that is read, in bytes.
const MAX_LIST_BYTES: u64 = 16 << 20;

/// How to extract.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtractOptions {
    /// Whether a directory in the place of something else, or the other way round, is an error.
    pub no_overwrite_dir_non_dir: bool,
    /// Whether everything becomes the container's user's.
    pub copy_uid_gid: bool,
}

impl Containers {
    /// Extracts a plain, gzip or zstd archive in a directory of a container.
    ///
    /// # Errors
    /// If there is no such directory, it cannot be written to, or the archive is broken; what was extracted until then
    /// stays.
    pub async fn extract(
        &self,
        reference: &str,
        path: &str,
        options: ExtractOptions,
        archive: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<()> {
        let wanted = Wanted::parse(path)?;
        let reach = Reach::find(self, reference, Purpose::Write).await?;
        let (record, outside) = (reach.record.clone(), reach.outside().cloned());
        let container = record.clone();
        let work =
            move |input| reach.with(|root| extract_in(root, &container, outside, &wanted, options, input));
        fed(&self.shared, archive, work).await?;
        self.shared.publish(&record, "extract-to-dir", &[]);
        Ok(())
    }
}

fn extract_in(
    root: BorrowedFd<'_>,
    record: &Record,
    outside: Option<IdMaps>,
    wanted: &Wanted,
    options: ExtractOptions,
    archive: impl Read + Send,
) -> Result<()> {
    let failed = path_error(record, &wanted.clean);
    let opened = tree::open_in(root, wanted.clean.as_bytes(), OFlags::empty()).map_err(&failed)?;
    let stat = tree::stat(opened.as_fd()).map_err(&failed)?;
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Err(Invalid::NoDirectory.into());
    }
    let target = follow(root, wanted.clean.as_bytes()).map_err(&failed)?;
    check_writable(record, Path::new(&*String::from_utf8_lossy(&target)))?;
    let user = record.spec.config.user.as_str();
    let owner = if options.copy_uid_gid && !user.is_empty() { Some(owner(root, user)?) } else { None };
    let ownership = Ownership { owner, outside };
    let rules = Rules {
        base: wanted.clean.as_bytes().to_vec(),
        keep_kinds: options.no_overwrite_dir_non_dir,
        adapt: Some(Box::new(move |entry| ownership.apply(entry))),
        with_top: false,
    };
    let root = root.try_clone_to_owned().map_err(Error::files)?;
    Ok(extract(open_plain(archive)?, root, rules)?)
}

/// Docker's two reasons to refuse; the deepest mount above the target decides.
fn check_writable(record: &Record, target: &Path) -> Result<()> {
    let above = record.mounts.iter().filter(|mount| target.starts_with(&mount.destination));
    match above.max_by_key(|mount| mount.destination.len()) {
        Some(mount) if !mount.rw => Err(Error::ReadOnly("mounted volume")),
        None if record.spec.host.readonly_rootfs => Err(Error::ReadOnly("container rootfs")),
        _ => Ok(()),
    }
}

/// The container's user as numbers, by its own lists.
pub(crate) fn owner(root: BorrowedFd<'_>, user: &str) -> Result<(u32, u32)> {
    let read = |path: &[u8]| -> io::Result<Vec<u8>> {
        let opened = match tree::open_in(root, path, OFlags::empty()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut list = Vec::new();
        if FileType::from_raw_mode(tree::stat(opened.as_fd())?.st_mode).is_file() {
            tree::contents(opened.as_fd())?.take(MAX_LIST_BYTES).read_to_end(&mut list)?;
        }
        Ok(list)
    };
    let (passwd, group) =
        (read(b"/etc/passwd").map_err(Error::files)?, read(b"/etc/group").map_err(Error::files)?);
    let user =
        runtime::user::resolve(user, &passwd, &group).map_err(|error| Error::Files(error.to_string()))?;
    Ok((user.uid, user.gid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::MountPoint;

    #[test]
    fn the_deepest_mount_decides() {
        let mount = |destination: &str, rw| MountPoint {
            destination: destination.into(),
            rw,
            ..MountPoint::default()
        };
        let mut record =
            Record { mounts: vec![mount("/a", false), mount("/a/b", true)], ..Record::default() };
        let check = |record: &Record, path: &str| check_writable(record, Path::new(path)).is_ok();
        assert!(check(&record, "/") && check(&record, "/ab") && check(&record, "/a/b/c"));
        assert!(!check(&record, "/a") && !check(&record, "/a/c"));
        record.spec.host.readonly_rootfs = true;
        assert!(!check(&record, "/") && check(&record, "/a/b"));
    }
}
