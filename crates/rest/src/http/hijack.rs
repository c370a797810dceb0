//! Connections that leave HTTP: after the head of the answer both sides speak raw bytes.
//!
//! Clients ask for it in two ways, and both are used: with `Upgrade: tcp`, answered by 101, and without, answered by a bare
//! 200 that has neither a length nor chunks. HTTP libraries know only the first, so the connection is taken out of the library
//! before it answers, and the head is written here.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::{CONNECTION, HeaderValue, UPGRADE, USER_AGENT};
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

/// How long a client that reads the head through a buffer gets to read it before anything follows. Docker takes longer
/// than this for anything that could follow.
const HEAD_PAUSE: Duration = Duration::from_millis(40);
/// Such clients, docker-py and testcontainers, which calls it by another name: what it finds in the buffer behind the head it
/// forgets.
const FORGETFUL_CLIENTS: [&str; 2] = ["docker-sdk-python/", "tc-python/"];

/// How a client wants a connection that leaves HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By a bare 200.
    Bare,
    /// By 101.
    Upgrade,
    /// By 101, and then by nothing for [`HEAD_PAUSE`].
    PausedUpgrade,
}

impl Form {
    /// Which protocol the client names does not matter: clients write `tcp`.
    pub(crate) fn asked(headers: &HeaderMap) -> Form {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
        let lists_upgrade = |value: &HeaderValue| {
            text(value).split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
        };
        if !headers.contains_key(UPGRADE) || !headers.get_all(CONNECTION).iter().any(lists_upgrade) {
            return Form::Bare;
        }
        match headers.get(USER_AGENT).map(text) {
            Some(agent) if FORGETFUL_CLIENTS.iter().any(|client| agent.contains(client)) => {
                Form::PausedUpgrade
            }
            _ => Form::Upgrade,
        }
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What to do with the connection once it left HTTP.
pub(crate) struct Hijack {
    head: String,
    pause: Duration,
    then: Box<dyn FnOnce(Raw) -> Boxed + Send>,
}

impl Hijack {
    /// A connection that goes on as `kind`, in the form the client asked for, and is handed to `then`.
    pub(crate) fn new<F, Fut>(form: Form, kind: &str, then: F) -> Self
    where
        F: FnOnce(Raw) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let head = if form != Form::Bare {
            format!(
                "HTTP/1.1 101 UPGRADED\r\nContent-Type: {kind}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
            )
        } else {
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n")
        };
        let pause = if form == Form::PausedUpgrade { HEAD_PAUSE } else { Duration::ZERO };
        Self { head, pause, then: Box::new(|raw| Box::pin(then(raw))) }
    }

    /// A connection whose answer begins with this head.
    pub(crate) fn with_head<F, Fut>(head: String, then: F) -> Self
    where
        F: FnOnce(Raw) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self { head, pause: Duration::ZERO, then: Box::new(|raw| Box::pin(then(raw))) }
    }

    /// Writes the head of the answer and lets the raw part run to its end.
    pub(crate) async fn run(self, early: Bytes, mut io: impl Duplex + 'static) {
        if io.write_all(self.head.as_bytes()).await.is_ok() && io.flush().await.is_ok() {
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
            (self.then)(Raw { early, io: Box::new(io) }).await;
        }
    }
}
