//! Tells when something in a container's directory is written, made or renamed.

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// Room for the kernel's notes, which are thrown away.
const NOTES_SIZE: usize = 4096;

/// The kernel's notes about one directory.
#[derive(Debug)]
pub(super) struct Watch {
    /// A pipe as far as reading and waiting go.
    notes: Receiver,
}

impl Watch {
    pub(super) fn new(dir: &Path) -> io::Result<Watch> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let events = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF;
        inotify.add_watch(dir, events)?;
        Ok(Watch { notes: Receiver::from_owned_fd_unchecked(OwnedFd::from(inotify))? })
    }

    /// Returns once something has changed since the last call. If the kernel cannot tell, it has.
    pub(super) async fn changed(&mut self) {
        let mut notes = [0; NOTES_SIZE];
        // What changed does not matter; the notes only have to be taken, so that the next call waits.
        let _ = self.notes.read(&mut notes).await;
    }
}
