//! Work that takes long (unpacking, hashing, deleting) on threads of lower priority, so that consensus and requests go first.
//!
//! A thread of its own per piece of work, never one of the runtime's pool: a lowered priority cannot be raised again
//! without a capability. Callers bound how many run at once. Threads made within inherit the priority.

use std::thread;

use tokio::sync::oneshot;

use crate::{Error, Result};

/// Added to the priority of threads that a client waits for: half of the time that others may have. With less, a pull beside a
/// compiler's processes took half a minute for a second of work.
pub(crate) const AWAITED: i32 = 3;
/// The same where nobody waits; the scale ends at 19.
pub(crate) const UPKEEP: i32 = 10;

/// Runs `work`, which somebody waits for, and answers when it is done. Dropping the future does not stop the work.
pub(crate) async fn run<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, result) = oneshot::channel();
    spawn(name, AWAITED, move || {
        // The receiver is gone when the request was cancelled; nobody waits for the result then.
        let _ = answer.send(work());
    })?;
    result.await.map_err(|_| Error::Closed)?
}

/// Starts `work` and does not wait for it.
pub(crate) fn spawn(name: &'static str, niceness: i32, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let body = move || {
        if let Err(error) = rustix::process::nice(niceness) {
            tracing::debug!(%error, "cannot lower the priority of a background thread");
        }
        work();
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map(drop).map_err(Error::io("start a thread", name))
}
