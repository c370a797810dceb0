//! `docker save`: images as an archive that is Docker's and an OCI layout at once.
//!
//! Inputs: names or ids. Outputs: the archive as a stream, made while it is read: nothing is written to disk. Layers go out
//! as they are kept, each once. The same request on the same images gives the same bytes.

mod choice;
mod plan;

use std::{fs::File, io, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

use crate::{
    Error, Image, Images, Result,
    archive::{Entry, Kind, Pool, tar_head, tar_padding},
    background,
    store::Hold,
};
use plan::{Content, Part};

/// Chunks that may wait for a slow reader.
const CHUNKS: usize = 8;
/// Small files and headers are sent together, up to so many bytes.
const BATCH_BYTES: usize = 64 << 10;
/// Zeros that end an archive, in bytes.
const END_BYTES: usize = 1024;

impl Images {
    /// The archive of some images, each with all that is asked for of it: one tag, all tags of a repository, or none for an
    /// id. If a platform is given, every image must be for it.
    ///
    /// # Errors
    /// If a name leads to nothing, or to an image for another platform. A disk that fails later breaks the stream off.
    pub async fn save(
        &self,
        names: &[String],
        platform: Option<&str>,
    ) -> Result<(Vec<Arc<Image>>, impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<>)> {
        let wanted = platform.filter(|text| !text.is_empty());
        let chosen = choice::choose(&self.store.catalog(), names, wanted)?;
        let holder = self.store.holder();
        let mut holds = Vec::new();
        for image in &chosen {
            for (layer, blob) in image.entry.record.layers.iter().zip(&image.entry.record.blobs) {
                let gone = || Error::NoSuchImage(image.id.to_string());
                holds.push(holder.hold(*layer, *blob).await?.ok_or_else(gone)?);
            }
        }
        let images = chosen.iter().map(|image| image.entry.image.clone()).collect();
        let paths = self.store.paths().clone();
        let parts = background::run("image-save", move || plan::parts(&chosen, &paths)).await?;
        let (to, chunks) = mpsc::channel(CHUNKS);
        background::spawn("image-save", background::AWAITED, move || write(parts, &to, holds))?;
        let archive =
            stream::unfold(chunks, |mut chunks| async move { Some((chunks.recv().await?, chunks)) });
        Ok((images, archive))
    }
}

/// Sends the whole archive, or the error that ends it.
fn write(parts: Vec<Part>, to: &mpsc::Sender<io::Result<Bytes>>, holds: Vec<Hold>) {
    let mut output = Output { to, batch: BytesMut::new(), pool: Pool::default() };
    let written = parts.iter().try_for_each(|part| output.part(part)).and_then(|()| output.end());
    if let Err(error) = written {
        // A reader that went away is the usual reason, and hears nothing of it.
        let _ = to.blocking_send(Err(error));
    }
    drop(holds);
}

struct Output<'a> {
    to: &'a mpsc::Sender<io::Result<Bytes>>,
    batch: BytesMut,
    pool: Pool,
}

impl Output<'_> {
    fn part(&mut self, part: &Part) -> io::Result<()> {
        let (kind, mode, size) = match &part.content {
            Content::Directory => (Kind::Directory, 0o755, 0),
            Content::Bytes(bytes) => (Kind::File, 0o644, bytes.len() as u64),
            Content::Blob { size, .. } => (Kind::File, 0o644, *size),
        };
        let path = part.name.as_bytes().to_vec();
        let entry = Entry { path, kind, mode, uid: 0, gid: 0, mtime: (0, 0), xattrs: Vec::new() };
        self.batch.extend_from_slice(&tar_head(&entry, size)?);
        match &part.content {
            Content::Directory => {}
            Content::Bytes(bytes) => self.batch.extend_from_slice(bytes),
            Content::Blob { path, size } => {
                self.flush()?;
                self.blob(File::open(path)?, *size)?;
            }
        }
        self.batch.resize(self.batch.len() + tar_padding(size), 0);
        if self.batch.len() >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn blob(&mut self, file: File, size: u64) -> io::Result<()> {
        let mut rest = io::Read::take(file, size);
        loop {
            let chunk = self.pool.fill(&mut rest)?;
            if chunk.is_empty() {
                break;
            }
            self.send(chunk)?;
        }
        if rest.limit() > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn end(&mut self) -> io::Result<()> {
        self.batch.resize(self.batch.len() + END_BYTES, 0);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let batch = self.batch.split().freeze();
        if batch.is_empty() { Ok(()) } else { self.send(batch) }
    }

    fn send(&self, chunk: Bytes) -> io::Result<()> {
        self.to.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
