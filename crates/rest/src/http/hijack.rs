//! Connections that leave HTTP: after the head of the answer both sides speak raw bytes.
//!
//! Clients ask for it in two ways, and both are used: with `Upgrade: tcp`, answered by 101, and without, answered by a bare
//! 200 that has neither a length nor chunks. HTTP libraries know only the first, so the connection is taken out of the library
//! before it answers, and the head is written here.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// A byte stream in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection after it left HTTP.
pub(crate) struct Raw {
    /// Bytes that the client sent before it saw the answer.
    pub(crate) early: Bytes,
    /// The connection.
    pub(crate) io: Box<dyn Duplex>,
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What to do with the connection once it left HTTP.
pub(crate) struct Hijack {
    head: String,
    then: Box<dyn FnOnce(Raw) -> Boxed + Send>,
}

impl Hijack {
    /// A connection that goes on as `kind`, in the form the client asked for, and is handed to `then`.
    pub(crate) fn new<F, Fut>(upgrade: bool, kind: &str, then: F) -> Self
    where
        F: FnOnce(Raw) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let head = if upgrade {
            format!(
                "HTTP/1.1 101 UPGRADED\r\nContent-Type: {kind}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
            )
        } else {
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n")
        };
        Self { head, then: Box::new(|raw| Box::pin(then(raw))) }
    }

    /// Writes the head of the answer and lets the raw part run to its end.
    pub(crate) async fn run(self, early: Bytes, mut io: impl Duplex + 'static) {
        if io.write_all(self.head.as_bytes()).await.is_ok() && io.flush().await.is_ok() {
            (self.then)(Raw { early, io: Box::new(io) }).await;
        }
    }
}
