//! Sending progress without ever waiting for who reads it.

use crate::{Progress, ProgressSender};

/// Sends a line; a full or dropped receiver misses it.
pub(crate) fn send(to: &ProgressSender, progress: Progress) {
    // Missing lines are what a slow reader gets instead of holding up the work.
    let _ = to.try_send(progress);
}

/// A line about one layer or tag.
pub(crate) fn line(to: &ProgressSender, id: &str, status: &str) {
    send(to, Progress { id: Some(id.to_owned()), status: status.to_owned(), current: None, total: None });
}

/// A line about one layer with its bytes.
pub(crate) fn bytes(to: &ProgressSender, id: &str, status: &str, current: u64, total: u64) {
    let (id, status) = (Some(id.to_owned()), status.to_owned());
    send(to, Progress { id, status, current: Some(current), total: Some(total) });
}

/// A line about the whole.
pub(crate) fn summary(to: &ProgressSender, status: String) {
    send(to, Progress { id: None, status, current: None, total: None });
}
