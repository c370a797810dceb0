//! A connection whose end of file can be held back for a while.
//!
//! A client that half-closes (`echo | docker run -i`) may do so before its connection has left HTTP, and the HTTP library would
//! take that for a client that is gone. While a request that may be hijacked is being answered, the end of file waits here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Says whether the end of file is held back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold(Arc<State>);

#[derive(Debug, Default)]
struct State {
    held: AtomicBool,
    reader: AtomicWaker,
}

impl Hold {
    /// From now on the end of file waits, or does so no longer.
    pub(crate) fn set(&self, held: bool) {
        self.0.held.store(held, Ordering::Release);
        if !held {
            self.0.reader.wake();
        }
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Held<T> {
    io: T,
    hold: Hold,
    ended: bool,
}

impl<T> Held<T> {
    pub(crate) fn new(io: T, hold: Hold) -> Self {
        Self { io, hold, ended: false }
    }

    /// The connection itself; reading it tells the end of file again.
    pub(crate) fn into_inner(self) -> T {
        self.io
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Held<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if !self.ended {
            std::task::ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
            self.ended = buffer.filled().len() == before && buffer.remaining() > 0;
        }
        if self.ended {
            // Registered before the flag is read: a release in between wakes us.
            self.hold.0.reader.register(context.waker());
            if self.hold.0.held.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Held<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn the_end_waits_until_it_is_released() {
        let (client, server) = tokio::io::duplex(64);
        let hold = Hold::default();
        hold.set(true);
        let mut held = Held::new(server, hold.clone());
        drop(client);
        let read = tokio::spawn(async move { held.read_u8().await });
        tokio::task::yield_now().await;
        assert!(!read.is_finished());
        hold.set(false);
        assert!(read.await.expect("reader").is_err());
    }
}
