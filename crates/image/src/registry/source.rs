//! What is uploaded: a file, whole or still growing, read from any offset, so that a broken upload can go on.

use std::{
    io::{self, SeekFrom},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    sync::watch,
};

use crate::{Error, ProgressSender, Result, digest::Digest, progress};

/// Bytes that are read and sent at once.
const CHUNK_BYTES: u64 = 256 << 10;
/// Bytes between two lines of progress.
const PROGRESS_BYTES: u64 = 512 << 10;

/// How much of a file is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    /// Bytes that can be read.
    pub(crate) bytes: u64,
    /// The file's digest, once nothing more comes.
    pub(crate) whole: Option<Digest>,
    /// What `bytes` were before they were compressed.
    pub(crate) plain: u64,
}

/// A file on its way to a registry.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    path: PathBuf,
    growth: watch::Receiver<Growth>,
    /// Id of the layer in lines of progress.
    id: String,
    /// The size that progress tells.
    total: u64,
    to: ProgressSender,
    /// Bytes that went into a connection since the last attempt began; tells a slow registry from a silent one.
    moved: Arc<AtomicU64>,
}

impl Source {
    /// A file that grows; `total` is its size before it is compressed.
    pub(crate) fn growing(
        path: PathBuf,
        growth: watch::Receiver<Growth>,
        id: String,
        total: u64,
        to: ProgressSender,
    ) -> Source {
        Source { path, growth, id, total, to, moved: Arc::default() }
    }

    /// A file that is there.
    pub(crate) fn whole(path: PathBuf, digest: Digest, size: u64, id: String, to: ProgressSender) -> Source {
        let growth = Growth { bytes: size, whole: Some(digest), plain: size };
        Source::growing(path, watch::channel(growth).1, id, size, to)
    }

    /// Digest and size of the whole file.
    pub(crate) async fn finished(&self) -> Result<(Digest, u64)> {
        let mut growth = self.growth.clone();
        // Whoever makes the file grow tells the cause itself when it fails.
        let last = *growth.wait_for(|growth| growth.whole.is_some()).await.map_err(|_| Error::Closed)?;
        Ok((last.whole.ok_or(Error::Closed)?, last.bytes))
    }

    /// Size of the whole file, if that is known already.
    pub(crate) fn size(&self) -> Option<u64> {
        let growth = self.growth.borrow();
        growth.whole.map(|_| growth.bytes)
    }

    /// Bytes that were taken for sending so far, in all attempts.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Waits until `end` bytes are there, or all; tells how many.
    pub(crate) async fn reach(&self, end: u64) -> Result<u64> {
        let mut growth = self.growth.clone();
        let enough = |growth: &Growth| growth.whole.is_some() || growth.bytes >= end;
        let there = growth.wait_for(enough).await.map_err(|_| Error::Closed)?.bytes;
        Ok(there.min(end))
    }

    /// The bytes from `from` up to `end`, or to the end of the file.
    pub(crate) async fn bytes(
        &self,
        from: u64,
        end: Option<u64>,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
        // A file that is to grow may not even be there yet.
        self.reach(from + 1).await?;
        let mut file = File::open(&self.path).await.map_err(Error::io("open", &self.path))?;
        file.seek(SeekFrom::Start(from)).await.map_err(Error::io("read", &self.path))?;
        let reading =
            Reading { source: self.clone(), file, at: from, end: end.unwrap_or(u64::MAX), told: from };
        Ok(stream::try_unfold(reading, |mut reading| async move {
            let chunk = reading.next().await?;
            Ok((!chunk.is_empty()).then_some((chunk, reading)))
        }))
    }
}

/// One pass over a source.
struct Reading {
    source: Source,
    file: File,
    at: u64,
    end: u64,
    told: u64,
}

impl Reading {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> io::Result<Bytes> {
        let wanted = self.end.min(self.at + 1);
        let there = self.source.reach(wanted).await.map_err(io::Error::other)?;
        let growth = *self.source.growth.borrow();
        let available = growth.bytes.min(self.end).saturating_sub(self.at);
        if there <= self.at || available == 0 {
            return Ok(Bytes::new());
        }
        let length = available.min(CHUNK_BYTES);
        let mut chunk = BytesMut::with_capacity(length as usize);
        let mut limited = (&mut self.file).take(length);
        if limited.read_buf(&mut chunk).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += chunk.len() as u64;
        self.source.moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        self.tell(growth);
        Ok(chunk.freeze())
    }

    /// Docker counts plain bytes, and so does the total.
    fn tell(&mut self, growth: Growth) {
        if self.at - self.told < PROGRESS_BYTES && growth.whole.is_none_or(|_| self.at < growth.bytes) {
            return;
        }
        self.told = self.at;
        let share = u128::from(self.at) * u128::from(growth.plain) / u128::from(growth.bytes.max(1));
        let current = u64::try_from(share).unwrap_or(u64::MAX).min(self.source.total);
        progress::bytes(&self.source.to, &self.source.id, "Pushing", current, self.source.total);
    }
}
