//! Telling compressions apart by their first bytes, and undoing them within bounds.
//!
//! All decompressors are in this process: no program is looked up anywhere.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result};

/// Bytes that are looked at.
pub(crate) const MAGIC_BYTES: usize = 6;
/// Compressed bytes read at once.
const BUFFER_BYTES: usize = 128 << 10;
/// Largest window of zstd, as a power of two: 128 MiB, zstd's own default limit.
const MAX_WINDOW_LOG: u32 = 27;

/// Plain data that is always allowed, in bytes.
const FREE_BYTES: u64 = 4 << 30;
/// Beyond that, how many plain bytes one compressed byte may become. Real layers stay below 20.
const MAX_RATIO: u64 = 200;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Tells by the first bytes.
    pub(crate) fn of(start: &[u8]) -> Result<Compression> {
        let other = match start {
            [0x1f, 0x8b, ..] => return Ok(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => return Ok(Compression::Zstd),
            [b'B', b'Z', b'h', ..] => "bzip2",
            [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
            _ => return Ok(Compression::None),
        };
        Err(Error::Archive(format!("{other} is not supported: use gzip, zstd or no compression")))
    }

    /// The media type of a layer that is compressed so.
    pub(crate) fn layer_media_type(self) -> &'static str {
        match self {
            Compression::None => "application/vnd.oci.image.layer.v1.tar",
            Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

/// The plain bytes of a stream, and how it is compressed.
pub(crate) fn open<'a>(mut input: impl Read + Send + 'a) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut start = Vec::with_capacity(MAGIC_BYTES);
    input.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut start).map_err(Error::Input)?;
    let compression = Compression::of(&start)?;
    let whole = Cursor::new(start).chain(input);
    if compression == Compression::None {
        return Ok((compression, Box::new(whole)));
    }
    Ok((compression, undo(compression, BufReader::with_capacity(BUFFER_BYTES, whole))?))
}

/// The plain bytes of a stream that is compressed so.
pub(crate) fn undo<'a>(
    compression: Compression,
    input: impl BufRead + Send + 'a,
) -> Result<Box<dyn Read + Send + 'a>> {
    let counted = Counted { input, bytes: 0 };
    Ok(match compression {
        Compression::None => Box::new(counted.input),
        Compression::Gzip => {
            Box::new(Bounded::new(MultiGzDecoder::new(counted), |gzip| gzip.get_ref().bytes))
        }
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(counted).map_err(Error::Input)?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(Error::Input)?;
            Box::new(Bounded::new(decoder, |zstd| zstd.get_ref().bytes))
        }
    })
}

/// The plain bytes of a stream, however it is compressed: gzip, zstd or not at all.
///
/// # Errors
/// If it cannot be read, or is compressed in another way.
pub fn open_plain<'a>(input: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>> {
    open(input).map(|(_, plain)| plain)
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.bytes += bytes as u64;
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Stops a stream that becomes far larger than it came.
struct Bounded<R> {
    plain: R,
    compressed_bytes: fn(&R) -> u64,
    bytes: u64,
    free_bytes: u64,
}

impl<R> Bounded<R> {
    fn new(plain: R, compressed_bytes: fn(&R) -> u64) -> Bounded<R> {
        Bounded { plain, compressed_bytes, bytes: 0, free_bytes: FREE_BYTES }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.plain.read(buffer)?;
        self.bytes += read as u64;
        let compressed = (self.compressed_bytes)(&self.plain);
        if self.bytes > self.free_bytes && self.bytes > compressed.saturating_mul(MAX_RATIO) {
            let words =
                format!("{compressed} bytes become more than {} bytes: a decompression bomb", self.bytes);
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> (Compression, Vec<u8>) {
        let (compression, mut plain) = open(bytes).unwrap();
        let mut out = Vec::new();
        plain.read_to_end(&mut out).unwrap();
        (compression, out)
    }

    #[test]
    fn each_compression_is_undone() {
        assert_eq!(read(b"plain"), (Compression::None, b"plain".to_vec()));
        assert_eq!(read(b""), (Compression::None, Vec::new()));
        assert_eq!(read(&gzip(b"hello")), (Compression::Gzip, b"hello".to_vec()));
        assert_eq!(read(&[gzip(b"one"), gzip(b"two")].concat()).1, b"onetwo");
        let zstd = zstd::encode_all(&b"hello"[..], 1).unwrap();
        assert_eq!(read(&zstd), (Compression::Zstd, b"hello".to_vec()));
        assert!(open(&b"BZh91AY"[..]).is_err() && open(&b"\xfd7zXZ\0\0"[..]).is_err());
    }

    #[test]
    fn bombs_are_stopped() {
        let bomb = gzip(&vec![0; 4 << 20]);
        let counted = Counted { input: &bomb[..], bytes: 0 };
        let mut bounded = Bounded {
            free_bytes: 1 << 20,
            ..Bounded::new(MultiGzDecoder::new(counted), |gzip| gzip.get_ref().bytes)
        };
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("decompression bomb"), "{error}");
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        let whole = gzip(&[7; 100_000]);
        let (_, mut plain) = open(&whole[..whole.len() - 10]).unwrap();
        assert!(io::copy(&mut plain, &mut io::sink()).is_err());
    }
}
