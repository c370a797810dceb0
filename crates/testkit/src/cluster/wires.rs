//! Loopback connections that can be cut: whoever dials over a cut wire is refused, and what goes over it breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use swarm_api::channel::{BoxStream, Dial, Tcp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// From whom, to which address.
type Wire = (usize, String);

/// All wires. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Wires(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cut: BTreeSet<Wire>,
    /// What breaks the connections of a wire.
    live: BTreeMap<Wire, CancellationToken>,
}

impl Wires {
    /// The dialling end of one machine.
    pub(super) fn dialer(&self, from: usize) -> Arc<dyn Dial> {
        Arc::new(End { wires: self.clone(), from })
    }

    pub(super) fn cut(&self, from: usize, to: &str) {
        let mut state = self.state();
        let wire = (from, to.to_owned());
        if let Some(live) = state.live.remove(&wire) {
            live.cancel();
        }
        state.cut.insert(wire);
    }

    pub(super) fn mend_all(&self) {
        self.state().cut.clear();
    }

    /// What will break a connection over this wire; none: it is cut.
    fn open(&self, wire: Wire) -> Option<CancellationToken> {
        let mut state = self.state();
        if state.cut.contains(&wire) {
            return None;
        }
        Some(state.live.entry(wire).or_default().clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct End {
    wires: Wires,
    from: usize,
}

impl Dial for End {
    fn dial(&self, addr: &str) -> Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send>> {
        let live = self.wires.open((self.from, addr.to_owned()));
        let addr = addr.to_owned();
        Box::pin(async move {
            let live = live.ok_or(io::ErrorKind::ConnectionRefused)?;
            let inner = Tcp.dial(&addr).await?;
            let broken = Box::pin(live.cancelled_owned());
            Ok(Box::new(Breakable { inner, broken }) as BoxStream)
        })
    }
}

struct Breakable {
    inner: BoxStream,
    broken: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Breakable {
    fn is_broken(&mut self, cx: &mut Context<'_>) -> bool {
        self.broken.as_mut().poll(cx).is_ready()
    }
}

fn reset<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_broken(cx) {
            return reset();
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_broken(cx) {
            return reset();
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_broken(cx) {
            return reset();
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
