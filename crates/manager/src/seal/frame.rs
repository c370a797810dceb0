//! A sealed stream: frames that each know their number and whether they are the last, so that none can be left out, moved or
//! cut off unnoticed, and none is given out before it has been authenticated.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::Key;

/// Plain bytes of a frame; only the last has fewer.
const FRAME_BYTES: usize = 64 * 1024;
/// A sealed frame is not longer, or it is none of ours.
const MAX_SEALED_BYTES: usize = FRAME_BYTES + 64;

/// Seals what is written to it. Nothing counts until [`Self::finish`].
pub(crate) struct SealedWriter<W> {
    inner: W,
    key: Arc<Key>,
    context: Vec<u8>,
    number: u64,
    pending: Vec<u8>,
}

impl<W: Write> SealedWriter<W> {
    /// A stream in this context, which must differ between any two streams of one key.
    pub(crate) fn new(inner: W, key: Arc<Key>, context: Vec<u8>) -> Self {
        Self { inner, key, context, number: 0, pending: Vec::with_capacity(FRAME_BYTES) }
    }

    /// Writes the last frame.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.frame(true)?;
        Ok(self.inner)
    }

    fn frame(&mut self, last: bool) -> io::Result<()> {
        let sealed = self.key.seal(&place(&self.context, self.number, last), &self.pending)?;
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.inner.write_all(&length.to_be_bytes())?;
        self.inner.write_all(&sealed)?;
        self.pending.clear();
        self.number += 1;
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full frame waits for the next byte, since it may be the last.
        if self.pending.len() == FRAME_BYTES {
            self.frame(false)?;
        }
        let taken = bytes.len().min(FRAME_BYTES - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Opens what [`SealedWriter`] wrote, frame by frame. The end of the stream is given out only after the last frame, with nothing
/// behind it.
pub(crate) struct SealedReader<R> {
    inner: R,
    key: Arc<Key>,
    context: Vec<u8>,
    number: u64,
    plain: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<R: Read> SealedReader<R> {
    pub(crate) fn new(inner: R, key: Arc<Key>, context: Vec<u8>) -> Self {
        Self { inner, key, context, number: 0, plain: Vec::new(), taken: 0, ended: false }
    }

    fn frame(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.inner.read_exact(&mut length).map_err(cut)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_SEALED_BYTES {
            return Err(invalid("a frame is longer than any that was written"));
        }
        let mut sealed = vec![0; length];
        self.inner.read_exact(&mut sealed).map_err(cut)?;
        let open = |last| self.key.open(&place(&self.context, self.number, last), &sealed);
        // Which of the two it is, is part of what is authenticated.
        let (plain, last) = match open(false) {
            Ok(plain) => (plain, false),
            Err(_) => (open(true)?, true),
        };
        if last && self.inner.read(&mut [0])? != 0 {
            return Err(invalid("there is something after its end"));
        }
        (self.plain, self.taken, self.ended) = (plain, 0, last);
        self.number += 1;
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.plain.len() {
            if self.ended || bytes.is_empty() {
                return Ok(0);
            }
            self.frame()?;
        }
        let count = bytes.len().min(self.plain.len() - self.taken);
        bytes[..count].copy_from_slice(&self.plain[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

fn place(context: &[u8], number: u64, last: bool) -> Vec<u8> {
    let mut place = context.to_vec();
    place.extend_from_slice(&number.to_be_bytes());
    place.push(u8::from(last));
    place
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn cut(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => invalid("it ends before its end"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(key: &Arc<Key>, plain: &[u8]) -> Vec<u8> {
        let mut writer = SealedWriter::new(Vec::new(), key.clone(), b"stream".to_vec());
        writer.write_all(plain).expect("writes");
        writer.finish().expect("finishes")
    }

    fn opened(key: &Arc<Key>, context: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SealedReader::new(bytes, key.clone(), context.to_vec()).read_to_end(&mut plain)?;
        Ok(plain)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn reads_back_whole_or_not_at_all(length in 0usize..3 * FRAME_BYTES, place in any::<prop::sample::Index>()) {
            let key = Arc::new(Key::generate().expect("randomness"));
            let plain: Vec<u8> = (0..length).map(|number| u8::try_from(number % 251).unwrap_or(0)).collect();
            let bytes = sealed(&key, &plain);
            prop_assert_eq!(opened(&key, b"stream", &bytes).expect("reads"), plain);
            prop_assert!(opened(&key, b"other", &bytes).is_err());
            let place = place.index(bytes.len());
            prop_assert!(opened(&key, b"stream", &bytes[..place]).is_err());
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            prop_assert!(opened(&key, b"stream", &changed).is_err());
            let mut longer = bytes;
            longer.push(0);
            prop_assert!(opened(&key, b"stream", &longer).is_err());
        }
    }

    #[test]
    fn frames_cannot_change_places() {
        let key = Arc::new(Key::generate().expect("randomness"));
        let mut bytes = sealed(&key, &vec![7; 2 * FRAME_BYTES + 1]);
        // Its length, the nonce, the tag.
        let length = 4 + 12 + 16 + FRAME_BYTES;
        let (first, second) = bytes.split_at_mut(length);
        first.swap_with_slice(&mut second[..length]);
        assert!(opened(&key, b"stream", &bytes).is_err());
    }
}
