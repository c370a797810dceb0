//! Downloading a layer to a file: streamed, bounded, resumed after a broken connection, verified.

use std::{
    fs::File,
    io::{Seek, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use reqwest::StatusCode;
use tokio::sync::mpsc;

use super::client::{Client, unreachable};
use crate::{
    Error, ProgressSender, Result, background,
    digest::{Digest, Hasher},
    manifest::Descriptor,
    progress,
    spool::MAX_BLOB_BYTES,
    store::Workplace,
};

/// Layers that are downloaded at the same time, as Docker does by default.
pub(crate) const MAX_DOWNLOADS: usize = 3;
/// Connections that are tried for one layer.
const MAX_ATTEMPTS: u32 = 5;
/// Wait before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Chunks that may wait for the disk.
const CHUNKS: usize = 8;
/// Bytes between two lines of progress.
const PROGRESS_BYTES: u64 = 512 << 10;

/// A layer to be downloaded.
#[derive(Clone, Debug)]
pub(crate) struct Download {
    pub(crate) descriptor: Descriptor,
    pub(crate) target: PathBuf,
    pub(crate) place: Arc<Workplace>,
    pub(crate) progress: ProgressSender,
}

/// What the writing thread is told.
enum Step {
    Append(Bytes),
    /// The registry begins at the beginning again.
    Restart,
}

impl Download {
    /// Downloads and verifies.
    pub(crate) async fn run(self, client: &Client) -> Result<()> {
        let Descriptor { digest, size, .. } = self.descriptor;
        if size > MAX_BLOB_BYTES {
            return Err(Error::TooLarge { what: format!("layer {digest}"), limit: MAX_BLOB_BYTES });
        }
        let (to, steps) = mpsc::channel(CHUNKS);
        let (target, place) = (self.target.clone(), self.place.clone());
        let writing = background::run("image-fetch", move || write(steps, &target, &place));
        let (fetched, written) = tokio::join!(self.fetch(client, to), writing);
        // A failed write ends the fetching too, so it is the cause.
        let written = written?;
        fetched?;
        progress::line(&self.progress, &digest.short(), "Verifying Checksum");
        written.expect(&digest)?;
        progress::line(&self.progress, &digest.short(), "Download complete");
        Ok(())
    }

    async fn fetch(&self, client: &Client, to: mpsc::Sender<Step>) -> Result<()> {
        let mut received = 0;
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match self.attempt(client, &to, &mut received).await {
                Err(error @ Error::Unreachable { .. }) if attempt < MAX_ATTEMPTS => {
                    let layer = self.descriptor.digest.short();
                    tracing::debug!(%error, attempt, layer, "download broke off");
                    progress::line(&self.progress, &layer, "Retrying");
                }
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(())
    }

    /// One connection, beginning at what was received before.
    async fn attempt(&self, client: &Client, to: &mpsc::Sender<Step>, received: &mut u64) -> Result<()> {
        let Descriptor { digest, size, .. } = &self.descriptor;
        let mut response = client.blob(digest, *received).await?;
        let url = response.url().to_string();
        if *received > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
            *received = 0;
            to.send(Step::Restart).await.map_err(|_| Error::Closed)?;
        }
        let mut told = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
            *received += chunk.len() as u64;
            if *received > *size {
                return Err(Error::TooLarge { what: format!("layer {digest}"), limit: *size });
            }
            if *received - told >= PROGRESS_BYTES || *received == *size {
                told = *received;
                progress::bytes(&self.progress, &digest.short(), "Downloading", *received, *size);
            }
            to.send(Step::Append(chunk)).await.map_err(|_| Error::Closed)?;
        }
        match *received == *size {
            true => Ok(()),
            false => Err(Error::Unreachable { url, detail: "unexpected end of the layer".to_owned() }),
        }
    }
}

/// Writes and takes the digest. Ends when the sender is gone.
fn write(mut steps: mpsc::Receiver<Step>, target: &std::path::Path, place: &Workplace) -> Result<Digest> {
    let mut file = File::create_new(target).map_err(Error::io("create", target))?;
    let mut hasher = Hasher::default();
    while let Some(step) = steps.blocking_recv() {
        if place.is_cancelled() {
            return Err(Error::Closed);
        }
        match step {
            Step::Append(chunk) => {
                file.write_all(&chunk).map_err(Error::io("write", target))?;
                hasher.update(&chunk);
            }
            Step::Restart => {
                file.rewind().and_then(|()| file.set_len(0)).map_err(Error::io("truncate", target))?;
                hasher = Hasher::default();
            }
        }
    }
    Ok(hasher.finish())
}
