//! The way to a container's root, whether it runs or not.

use crate::container::Containers;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::shared::{Shared, containers_dir};
use crate::userns::{self, IdMaps};
use crate::volume::Sources;
use runtime::view::{Bind, View};
use rustix::fs::{CWD, Mode, OFlags};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// Longest list of cgroups of a process that is read, in bytes.
const MAX_CGROUPS_BYTES: u64 = 64 << 10;

/// A container's root that can be looked into.
pub(super) struct Reach {
    pub(super) record: Arc<Record>,
    root: Root,
    /// Keeps the container from being started while its layer is written to.
    _files: Option<OwnedMutexGuard<()>>,
}

enum Root {
    /// Of its first process, and how the host numbers the users of the container, if it has its own.
    Live { root: OwnedFd, users: Option<IdMaps> },
    /// To be mounted.
    View(View),
}

/// What is to be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}

impl Reach {
    /// Finds the way to the root of a container.
    pub(super) async fn find(containers: &Containers, reference: &str, purpose: Purpose) -> Result<Reach> {
        let entry = containers.entry(reference)?;
        let live = |record: Arc<Record>| {
            let users = userns::of(&containers.shared.config, &record.spec.host);
            // Through its first process the files of a container with users of its own have the host's numbers. They can be
            // written so, but are read as its layers have them.
            let root = if users.is_some() && purpose == Purpose::Read { None } else { live_root(&record) };
            match root {
                Some(root) => {
                    Ok(Reach { record, root: Root::Live { root, users: users.cloned() }, _files: None })
                }
                None => Err(record),
            }
        };
        if let Ok(reach) = live(entry.snapshots.borrow().clone()) {
            return Ok(reach);
        }
        // It may be starting: whoever writes waits until that is done.
        let files = match purpose {
            Purpose::Read => None,
            Purpose::Write => Some(entry.files.clone().lock_owned().await),
        };
        let now = entry.snapshots.borrow().clone();
        match live(now) {
            Ok(reach) => Ok(reach),
            Err(record) => {
                let view = view(&containers.shared, &record, purpose).await?;
                Ok(Reach { record, root: Root::View(view), _files: files })
            }
        }
    }

    /// The container's users as the host numbers them, if that is how its files have to be written.
    pub(super) fn outside(&self) -> Option<&IdMaps> {
        match &self.root {
            Root::Live { users, .. } => users.as_ref(),
            Root::View(_) => None,
        }
    }

    /// Runs `work` with the root. Blocks.
    pub(super) fn with<T: Send>(&self, work: impl FnOnce(BorrowedFd<'_>) -> Result<T> + Send) -> Result<T> {
        match &self.root {
            Root::Live { root, users: None } => work(root.as_fd()),
            Root::Live { root, users: Some(users) } => {
                let done = runtime::view::as_owner(users.root(), || work(root.as_fd()));
                done.map_err(|error| Error::Files(error.to_string()))?
            }
            Root::View(view) => {
                let done = view.with(work);
                done.map_err(|error| Error::Files(error.to_string()))?
            }
        }
    }
}

/// The root of a live container. What stands behind a process id may change at any time; what stands behind an open
/// directory of procfs does not, and the cgroup in it tells whose process it is.
fn live_root(record: &Record) -> Option<OwnedFd> {
    let pid = record.state.pid;
    if pid == 0 {
        return None;
    }
    let directory = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let process = rustix::fs::openat(CWD, format!("/proc/{pid}"), directory, Mode::empty()).ok()?;
    let cgroups =
        rustix::fs::openat(&process, c"cgroup", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    std::fs::File::from(cgroups).take(MAX_CGROUPS_BYTES).read_to_string(&mut text).ok()?;
    if !text.contains(&record.id) {
        return None;
    }
    let path = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&process, c"root", path, Mode::empty()).ok()
}

/// The layers of a container that does not run, with its mounts.
async fn view(shared: &Shared, record: &Record, purpose: Purpose) -> Result<View> {
    let files = shared.files(&record.id).await?;
    let sources = Sources::at_rest(shared, record).await?;
    let on_disk = |mount: &&crate::MountPoint| {
        !mount.is_memory() && (!mount.is_of_host() || Path::new(&mount.source).exists())
    };
    let binds = record.mounts.iter().filter(on_disk).map(|mount| Bind {
        source: mount.source.clone().into(),
        subpath: mount.subpath.clone().into(),
        target: mount.destination.clone().into(),
        read_only: !mount.rw,
        mount: (!mount.is_of_host()).then(|| sources.mount(mount)),
    });
    let (lowers, changes) = match purpose {
        Purpose::Read => files.for_reading(),
        Purpose::Write => files.for_writing(),
    };
    Ok(View { lowers, changes, binds: binds.collect(), place: containers_dir(&shared.config) })
}

/// Runs blocking work of which only so much is done at a time, whoever asks.
pub(crate) async fn blocking<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let turn = shared.copies.clone().acquire_owned().await.map_err(|_| Error::ShuttingDown)?;
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::ShuttingDown)?
}

/// The error of a path that could not be looked at.
pub(super) fn path_error(record: &Record, path: &str) -> impl Fn(io::Error) -> Error {
    let (container, path) = (record.name.clone(), path.to_owned());
    move |error| match error.kind() {
        io::ErrorKind::NotFound => Error::NoSuchFile { path: path.clone(), container: container.clone() },
        _ => Error::Files(format!("{path}: {error}")),
    }
}
