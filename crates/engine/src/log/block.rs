//! Reads a compressed rotated file of the `local` format: block by block, passing over those that are not wanted.

use flate2::read::DeflateDecoder;
use shim::block::{HEADER_BYTES, Header};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// The records of such a file, as one row of bytes.
#[derive(Debug)]
pub(super) struct Blocks {
    file: File,
    /// Of the next header.
    offset: u64,
    plain: Vec<u8>,
    used: usize,
    since_ns: Option<i64>,
}

impl Blocks {
    pub(super) fn new(file: File) -> Blocks {
        Blocks { file, offset: 0, plain: Vec::new(), used: 0, since_ns: None }
    }

    /// Blocks with nothing as late as that are passed over from now on.
    pub(super) fn only_since(&mut self, since_ns: i64) {
        self.since_ns = Some(since_ns);
    }

    /// Inode of the file before it was compressed.
    pub(super) fn inode(&self) -> Option<u64> {
        self.header().map(|header| header.inode)
    }

    /// How many lines there are, from the headers alone.
    pub(super) fn lines(&self) -> u64 {
        let (mut lines, mut offset) = (0, self.offset);
        while let Some(header) = self.header_at(offset) {
            lines += u64::from(header.lines);
            offset += length(&header);
        }
        lines
    }

    /// Passes over whole blocks as long as they have no more than `lines` lines; gives how many lines are left to pass over.
    pub(super) fn skip(&mut self, mut lines: u64) -> u64 {
        while let Some(header) = self.header().filter(|header| u64::from(header.lines) <= lines) {
            lines -= u64::from(header.lines);
            self.pass(&header);
        }
        lines
    }

    /// Reads on; 0 at the end, or where the file is damaged.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        while self.used == self.plain.len() {
            let Some(header) = self.header() else { return 0 };
            if self.since_ns.is_none_or(|since| header.latest_ns >= since) && self.load(&header).is_err() {
                return 0;
            }
            self.pass(&header);
        }
        let count = buffer.len().min(self.plain.len() - self.used);
        buffer[..count].copy_from_slice(&self.plain[self.used..self.used + count]);
        self.used += count;
        count
    }

    fn header(&self) -> Option<Header> {
        self.header_at(self.offset)
    }

    fn header_at(&self, offset: u64) -> Option<Header> {
        let mut bytes = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Header::decode(&bytes)
    }

    fn pass(&mut self, header: &Header) {
        self.offset += length(header);
    }

    /// The header has bounded both sizes.
    fn load(&mut self, header: &Header) -> io::Result<()> {
        let mut squeezed = vec![0; header.squeezed_bytes as usize];
        self.file.read_exact_at(&mut squeezed, self.offset + HEADER_BYTES as u64)?;
        self.plain.clear();
        self.used = 0;
        let plain = DeflateDecoder::new(squeezed.as_slice());
        plain.take(u64::from(header.plain_bytes)).read_to_end(&mut self.plain)?;
        Ok(())
    }
}

/// Of a whole block.
fn length(header: &Header) -> u64 {
    HEADER_BYTES as u64 + u64::from(header.squeezed_bytes)
}
