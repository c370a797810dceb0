//! Standard input of the container: what attachments send, as fast as the container reads it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

/// Attachments are not read while this much waits for the container.
const MAX_PENDING_BYTES: usize = 64 * 1024;

/// The shim's end of standard input.
#[derive(Default)]
pub(crate) struct Input {
    fd: Option<OwnedFd>,
    pending: Vec<u8>,
    /// Close it when `pending` is written.
    closing: bool,
}

impl Input {
    pub(crate) fn new(fd: Option<OwnedFd>) -> Input {
        Input { fd, pending: Vec::new(), closing: false }
    }

    /// The descriptor, if something waits to be written to it.
    pub(crate) fn wants_to_write(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().filter(|_| !self.pending.is_empty()).map(AsFd::as_fd)
    }

    /// Our end of it, while it is open.
    pub(crate) fn end(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.pending.len() < MAX_PENDING_BYTES
    }

    /// Takes what an attachment has sent; it is dropped if nobody can read it any more.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.fd.is_some() && !self.closing {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Closes it once everything is written.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        self.close_if_done();
    }

    /// Writes what the container takes now.
    pub(crate) fn write(&mut self) {
        let Some(fd) = &self.fd else {
            return;
        };
        match nix::unistd::write(fd, &self.pending) {
            Ok(length) => {
                self.pending.drain(..length);
                if self.pending.is_empty() {
                    self.pending = Vec::new();
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // Nobody reads it any more.
            Err(_) => {
                self.pending = Vec::new();
                self.closing = true;
            }
        }
        self.close_if_done();
    }

    fn close_if_done(&mut self) {
        if self.closing && self.pending.is_empty() {
            self.fd = None;
        }
    }
}
