//! What a client sends, to whoever reads it in a thread.

use super::reach::blocking;
use crate::error::Result;
use crate::shared::Shared;
use image::archive::feed;
use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a client may send nothing: a stopped container cannot be started meanwhile, nor a volume removed.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Runs `work` with what comes in.
///
/// # Errors
/// Those of `work`, and when nothing comes for too long.
pub(super) async fn fed<T: Send + 'static>(
    shared: &Shared,
    input: impl AsyncRead + Send + Unpin + 'static,
    work: impl FnOnce(Box<dyn Read + Send>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let idle = Box::pin(tokio::time::sleep(IDLE_LIMIT));
    let (input, fill) = feed(Patient { input, idle });
    let work = blocking(shared, move || work(Box::new(input)));
    tokio::pin!(work);
    // The work may fail before it has read everything.
    tokio::select! {
        biased;
        done = &mut work => done,
        () = fill => work.await,
    }
}

/// Fails when nothing comes for too long.
struct Patient<R> {
    input: R,
    idle: Pin<Box<Sleep>>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Patient<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.input).poll_read(context, buffer) {
            Poll::Ready(done) => {
                self.idle.as_mut().reset(Instant::now() + IDLE_LIMIT);
                Poll::Ready(done)
            }
            Poll::Pending => self.idle.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}
