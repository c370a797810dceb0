//! `HEAD /containers/{id}/archive`: what a path in a container is.

use super::path::{Wanted, go_mode};
use super::reach::{Purpose, Reach, blocking, path_error};
use super::resolve::resolve;
use crate::container::Containers;
use crate::error::Result;
use crate::record::Record;
use crate::tree;
use rustix::fs::{FileType, OFlags, Stat};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a path in a container is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathStat {
    /// Its last part.
    pub name: String,
    /// In bytes.
    pub size: i64,
    /// As Go's `os.FileMode` has it.
    pub mode: u32,
    /// Of the last change of its contents, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Where a link leads, with all links on the way followed; empty for anything else.
    pub link_target: String,
}

impl Containers {
    /// What a path in a container is; a link at its end is not followed.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchFile`]
    pub async fn stat_path(&self, reference: &str, path: &str) -> Result<PathStat> {
        let wanted = Wanted::parse(path)?;
        let reach = Reach::find(self, reference, Purpose::Read).await?;
        blocking(&self.shared, move || {
            let record = reach.record.clone();
            reach.with(|root| look(root, &record, &wanted).map(|(_, _, told)| told))
        })
        .await
    }
}

/// What is there, opened, with its state.
pub(super) fn look(
    root: BorrowedFd<'_>,
    record: &Record,
    wanted: &Wanted,
) -> Result<(OwnedFd, Stat, PathStat)> {
    let failed = path_error(record, &wanted.clean);
    let flags = if wanted.is_dir { OFlags::DIRECTORY } else { OFlags::NOFOLLOW };
    let opened = tree::open_in(root, wanted.clean.as_bytes(), flags).map_err(&failed)?;
    let stat = tree::stat(opened.as_fd()).map_err(&failed)?;
    let mut told = PathStat {
        name: wanted.base.clone(),
        size: stat.st_size,
        mode: go_mode(stat.st_mode),
        modified_ns: stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64),
        link_target: String::new(),
    };
    if FileType::from_raw_mode(stat.st_mode).is_symlink() {
        let target = follow(root, wanted.clean.as_bytes()).map_err(&failed)?;
        told.link_target = String::from_utf8_lossy(&target).into_owned();
    }
    Ok((opened, stat, told))
}

/// Where a path leads in the end, as text.
pub(super) fn follow(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<Vec<u8>> {
    resolve(path, |path| {
        let opened = tree::open_in(root, path, OFlags::NOFOLLOW)?;
        let is_link = FileType::from_raw_mode(tree::stat(opened.as_fd())?.st_mode).is_symlink();
        is_link.then(|| tree::read_link(&opened).map(std::ffi::CString::into_bytes)).transpose()
    })
}
