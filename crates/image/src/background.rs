//! Work that takes long (unpacking, hashing, deleting) on threads of lower priority, so that consensus and requests go first.
//!
//! A thread of its own per piece of work, never one of the runtime's pool: a lowered priority cannot be raised again
//! without a capability. Callers bound how many run at once. Threads made within inherit the priority.

use std::thread;

use tokio::sync::oneshot;

use crate::{Error, Result};

/// Added to the priority of such threads; the scale ends at 19.
const NICENESS: i32 = 10;

/// Runs `work` and answers when it is done. Dropping the future does not stop the work.
pub(crate) async fn run<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, result) = oneshot::channel();
    spawn(name, move || {
        // The receiver is gone when the request was cancelled; nobody waits for the result then.
        let _ = answer.send(work());
    })?;
    result.await.map_err(|_| Error::Closed)?
}

/// Starts `work` and does not wait for it.
pub(crate) fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let body = move || {
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "cannot lower the priority of a background thread");
        }
        work();
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map(drop).map_err(Error::io("start a thread", name))
}
