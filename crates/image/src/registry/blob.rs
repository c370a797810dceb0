//! Downloading a layer: streamed, bounded, resumed after a broken connection. Who reads the stream verifies it.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes};
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_RANGE},
};
use tokio::sync::mpsc;

use super::{
    client::{Client, shown, unreachable},
    patience::Patience,
};
use crate::{Error, Result, manifest::Descriptor, spool::MAX_BLOB_BYTES};

/// Connections that are made for one layer, however much each of them brings.
const MAX_CONNECTIONS: u32 = 100;
/// Bytes that count as progress: a connection that brought them takes none of the attempts.
const PROGRESS_BYTES: u64 = 256 << 10;
/// Pieces from the network that may wait for the disk.
const QUEUE: usize = 16;
/// Time between two tellings of the bytes.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes that have come.
    Bytes(u64),
    /// The connection broke; the next attempt comes after this pause.
    Pause(Duration),
}

/// A stream of bytes that ends with an empty piece; one that ends without was given up.
type Pieces = mpsc::Sender<Result<Bytes>>;

/// The two ends of a download: who receives, and who reads, on a thread.
pub(crate) fn pipe() -> (Pieces, Received) {
    let (to, pieces) = mpsc::channel(QUEUE);
    (to, Received { pieces, current: Bytes::new(), is_over: false, error: None })
}

/// Downloads a layer into `to`. Its size is exactly what the manifest says; its digest is not looked at.
///
/// # Errors
/// None of its own are given here: they go into the stream, where the reader finds them.
pub(crate) async fn download(
    client: &Client,
    descriptor: &Descriptor,
    to: Pieces,
    tell: impl Fn(Step) + Send + Sync,
) {
    let end = match all(client, descriptor, &to, &tell).await {
        Ok(()) => Ok(Bytes::new()),
        Err(error) => Err(error),
    };
    // A reader that is gone has an error of its own.
    let _ = to.send(end).await;
}

async fn all(
    client: &Client,
    descriptor: &Descriptor,
    to: &Pieces,
    tell: &(impl Fn(Step) + Send + Sync),
) -> Result<()> {
    if descriptor.size > MAX_BLOB_BYTES {
        let what = format!("layer {}", descriptor.digest);
        return Err(Error::TooLarge { what, limit: MAX_BLOB_BYTES });
    }
    let mut patience = Patience::in_the_middle(client.attempts());
    let mut received = 0;
    for connection in 1.. {
        let before = received;
        let Err(error) = attempt(client, descriptor, to, &mut received, tell).await else { break };
        if received - before >= PROGRESS_BYTES {
            patience.renew();
        }
        if connection == MAX_CONNECTIONS {
            return Err(error);
        }
        let pause = patience.judge(error)?;
        tell(Step::Pause(pause));
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// One connection, which goes on where the last one broke off.
async fn attempt(
    client: &Client,
    descriptor: &Descriptor,
    to: &Pieces,
    received: &mut u64,
    tell: &(impl Fn(Step) + Send + Sync),
) -> Result<()> {
    let Descriptor { digest, size, .. } = descriptor;
    let wrong = |words: String| Error::Malformed(format!("layer {digest} {words}"));
    let mut response = client.blob(digest, *received).await?;
    let url = shown(response.url().as_str());
    // A registry that does not know ranges begins at the beginning: what is here already is skipped.
    let mut skip = begin(&response, *received).map_err(wrong)?;
    let rest = size - *received + skip;
    if let Some(announced) = response.content_length().filter(|announced| *announced != rest) {
        return Err(wrong(format!("has {announced} bytes left where its manifest says {rest}")));
    }
    let mut told = Instant::now();
    while let Some(mut piece) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
        let skipped = skip.min(piece.len() as u64);
        skip -= skipped;
        piece.advance(usize::try_from(skipped).unwrap_or(usize::MAX));
        if piece.is_empty() {
            continue;
        }
        *received += piece.len() as u64;
        if *received > *size {
            return Err(wrong(format!("is longer than the {size} bytes that its manifest says")));
        }
        to.send(Ok(piece)).await.map_err(|_| Error::Closed)?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(Step::Bytes(*received));
        }
    }
    match *received == *size {
        true => Ok(()),
        false => Err(Error::Unreachable { url, detail: "unexpected end of the layer".to_owned() }),
    }
}

/// How many bytes of an answer are known already; the error says what is wrong with it.
fn begin(response: &Response, received: u64) -> Result<u64, String> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = text(CONTENT_ENCODING);
    if !matches!(encoding, "" | "identity") {
        return Err(format!(
            "came with the content encoding {:?}",
            encoding.chars().take(40).collect::<String>()
        ));
    }
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok(received);
    }
    match first_byte(text(CONTENT_RANGE)) {
        // Some servers leave the header out; the digest tells if they mean another range.
        None => Ok(0),
        Some(first) if first <= received => Ok(received - first),
        Some(first) => Err(format!("was asked for from byte {received} and came from byte {first}")),
    }
}

/// The first byte of `bytes 40-99/100`.
fn first_byte(range: &str) -> Option<u64> {
    range.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.parse().ok()
}

/// The reading end of a download. Blocks.
#[derive(Debug)]
pub(crate) struct Received {
    pieces: mpsc::Receiver<Result<Bytes>>,
    current: Bytes,
    is_over: bool,
    error: Option<Error>,
}

impl Received {
    /// Why reading failed, in the words of the download.
    pub(crate) fn error(&mut self) -> Error {
        self.error.take().unwrap_or(Error::Closed)
    }
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.is_over {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) if piece.is_empty() => self.is_over = true,
                Some(Ok(piece)) => self.current = piece,
                other => {
                    self.error = other.and_then(Result::err);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
        let taken = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(first_byte("bytes 40-99/100"), Some(40));
        assert_eq!(first_byte("bytes */100"), None);
        assert_eq!(first_byte(""), None);
    }

    #[test]
    fn a_stream_that_was_given_up_is_no_end() {
        let (to, mut received) = pipe();
        to.blocking_send(Ok(Bytes::from_static(b"abc"))).unwrap();
        drop(to);
        let mut all = Vec::new();
        assert!(received.read_to_end(&mut all).is_err());
        assert!(matches!(received.error(), Error::Closed));
        let (to, mut received) = pipe();
        to.blocking_send(Ok(Bytes::from_static(b"abc"))).unwrap();
        to.blocking_send(Ok(Bytes::new())).unwrap();
        all.clear();
        received.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"abc");
    }
}
