//! Waits for the other end's first words.
//!
//! In TLS 1.3 a caller's handshake is over before the server has looked at the caller's certificate: a refusal comes
//! afterwards, as an alert in place of data. HTTP/2 servers speak first, so whoever waits for the first byte learns of the
//! refusal where it can still be told as the reason why the connection failed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// A stream whose first byte was read already and is given out again.
pub(super) struct Greeted<S> {
    first: Option<u8>,
    inner: S,
}

/// Reads the first byte.
pub(super) async fn greeted<S: AsyncRead + Unpin>(mut inner: S) -> io::Result<Greeted<S>> {
    let first = Some(inner.read_u8().await?);
    Ok(Greeted { first, inner })
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buf.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
