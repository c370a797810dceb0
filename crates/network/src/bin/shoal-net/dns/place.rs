//! In whose network a socket is made.

use std::fs::File;
use std::io;

use nix::sched::{CloneFlags, setns};

/// The network namespace we live in.
pub(crate) struct Place {
    home: File,
    is_lost: bool,
}

impl Place {
    /// The one this process is in now.
    pub(crate) fn here() -> io::Result<Place> {
        Ok(Place { home: File::open("/proc/self/ns/net")?, is_lost: false })
    }

    /// Whether we could not come back: what is opened from now on would be in the wrong network.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Makes something in another namespace, or in ours. A socket stays in the one it was made in.
    pub(crate) fn open_in<T>(
        &mut self,
        namespace: Option<&File>,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_lost {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let Some(namespace) = namespace else { return make() };
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        let made = make();
        self.is_lost = setns(&self.home, CloneFlags::CLONE_NEWNET).is_err();
        made
    }
}
