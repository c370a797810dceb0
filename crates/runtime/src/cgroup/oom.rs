//! Being woken when memory of a group runs out.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{Cgroup, Version, put};
use crate::{Error, Result};

/// Bytes of events that are taken at once; they all mean the same.
const EVENTS_BYTES: usize = 4096;

/// Readable when the kernel's out-of-memory killer may have been called; [`Cgroup::oom_kills`] tells. On version 1 also when
/// the group is removed.
#[derive(Debug)]
pub struct OomAlarm(OwnedFd);

impl OomAlarm {
    /// Takes what has been told so far; never blocks.
    pub fn clear(&self) {
        let mut events = [0; EVENTS_BYTES];
        // Nothing there is as good.
        while nix::unistd::read(self.0.as_fd(), &mut events).is_ok_and(|length| length == EVENTS_BYTES) {}
    }
}

impl AsFd for OomAlarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Cgroup {
    /// Asks to be woken, from now on.
    ///
    /// # Errors
    /// [`Error::NoLimit`] without a memory controller, [`Error::Path`] with NotFound if the group is gone.
    pub fn watch_oom(&self) -> Result<OomAlarm> {
        let member = self.member("memory").ok_or_else(|| Error::NoLimit("memory.oom_control".to_owned()))?;
        let failed = |error: nix::Error| Error::host("watch for lack of memory")(error.into());
        match self.version {
            Version::V1 => {
                let path = member.dir.join("memory.oom_control");
                let file = File::open(&path).map_err(Error::path("open", path))?;
                let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
                let event = EventFd::from_value_and_flags(0, flags).map_err(failed)?;
                let path = member.dir.join("cgroup.event_control");
                let line = format!("{} {}", event.as_fd().as_raw_fd(), file.as_raw_fd());
                put(&path, &line).map_err(Error::path("write", path))?;
                Ok(OomAlarm(event.into()))
            }
            Version::V2 => {
                let inotify =
                    Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
                let path = member.dir.join("memory.events");
                inotify
                    .add_watch(&path, AddWatchFlags::IN_MODIFY)
                    .map_err(|error| Error::path("watch", path)(io::Error::from(error)))?;
                Ok(OomAlarm(inotify.into()))
            }
        }
    }
}
