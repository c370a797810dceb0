//! Reads the log files that shims write: Docker's json-file format or our own `local`, rotated and compressed.
//!
//! - [`files`]: which there are · [`reader`]: files to chunks of output, blocking · [`emit`]: one line to Docker's frames
//! - [`line`]: one line of a json-file, by hand, since a log has millions · [`json`], [`local`], [`block`]: where lines are
//! - [`watch`]: waits until more is written
//!
//! Inputs: files of the engine's own directory, whose contents a container influences. Outputs: bytes as they go to
//! Docker's clients. Memory is bounded by a chunk and a line, whatever the log's size. Reads only.

mod block;
mod emit;
mod files;
mod json;
mod line;
mod local;
mod reader;
mod watch;

use crate::config::EngineConfig;
use crate::container::{LogOptions, Paths};
use crate::error::{Error, Result};
use crate::plan::LogPlan;
use crate::record::Record;
use crate::shared::now_ns;
use crate::spec::Invalid;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::OptionFuture;
use reader::Reader;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use watch::Watch;

/// A log as it goes to Docker's clients: chunks of 8-byte-header frames, or of raw bytes if the container has a terminal.
/// Whole lines only. Reads nothing unless polled.
pub struct LogStream {
    inner: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
}

/// What a log stream goes on with.
struct Follow {
    reader: Reader,
    /// `None` without `follow`.
    watch: Option<Watch>,
    snapshots: Receiver<Arc<Record>>,
    deadline: Option<Instant>,
    /// Nothing more will be written: one last look, then the end.
    ended: bool,
}

impl LogStream {
    /// Opens the log of the container whose files are `paths`. The files are opened now, so that a rotation meanwhile
    /// takes nothing away.
    ///
    /// # Errors
    /// [`Error::LogsUnreadable`] if its driver keeps none; [`Error::Io`] if a file cannot be opened.
    pub(crate) fn open(
        paths: &Paths,
        config: &EngineConfig,
        snapshots: Receiver<Arc<Record>>,
        options: LogOptions,
    ) -> Result<LogStream> {
        let record = snapshots.borrow().clone();
        let plan = LogPlan::of(&record.spec.host.log_config, &config.default_log).map_err(Invalid::from)?;
        let (format, path) = plan.kept(paths).ok_or(Error::LogsUnreadable)?;
        // Watched before it is read: nothing written in between goes unnoticed.
        let watch = if options.follow && record.state.status.is_active() {
            let dir = path.parent().unwrap_or(&paths.dir);
            Some(Watch::new(dir).map_err(Error::io("watch", dir))?)
        } else {
            None
        };
        let reader = Reader::open(&path, format, record.spec.config.tty, &options);
        let reader = reader.map_err(Error::io("open the log", &path))?;
        let left = options.until_ns.map(|until| u64::try_from(until.saturating_sub(now_ns())).unwrap_or(0));
        let deadline = left.and_then(|ns| Instant::now().checked_add(Duration::from_nanos(ns)));
        let follow = Follow { reader, watch, snapshots, deadline, ended: false };
        let chunks = futures_util::stream::try_unfold(follow, move |follow| {
            let path = path.clone();
            async move { follow.next().await.map_err(Error::io("read the log", path)) }
        });
        Ok(LogStream { inner: Box::pin(chunks) })
    }
}

impl Follow {
    async fn next(mut self) -> std::io::Result<Option<(Bytes, Follow)>> {
        loop {
            let (mut reader, ended) = (self.reader, self.ended || self.watch.is_none());
            let read = tokio::task::spawn_blocking(move || {
                let chunk = reader.next_chunk();
                (reader, chunk)
            });
            let (reader, chunk) = read.await.map_err(std::io::Error::other)?;
            self.reader = reader;
            match chunk? {
                Some(chunk) => return Ok(Some((chunk, self))),
                None if ended || self.reader.is_past_until() => return Ok(None),
                None => self.more().await,
            }
        }
    }

    /// Waits until there may be more, or until nothing will be.
    async fn more(&mut self) {
        // The shim writes everything before it tells the end, so that after this one look is enough.
        let Follow { watch, snapshots, deadline, .. } = self;
        let written = OptionFuture::from(watch.as_mut().map(Watch::changed));
        let until = OptionFuture::from(deadline.map(tokio::time::sleep_until));
        tokio::select! {
            _ = snapshots.wait_for(|record| !record.state.status.is_active()) => self.ended = true,
            Some(()) = written => {}
            Some(()) = until => self.ended = true,
        }
    }
}

impl Stream for LogStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(context)
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}
