//! Docker's stream frames: eight bytes of header (stream, three zeros, big-endian length), then the payload.
//!
//! In: bytes in pieces of any size. Out: payloads with their stream.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes of a frame's header.
const HEADER: usize = 8;

/// Which of the process's streams a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Out,
    Err,
    /// The daemon tells an error of its own.
    System,
}

/// Cuts frames out of a byte stream. Payloads are handed on in pieces as they arrive, so a frame's length, which the
/// other side chooses, never decides how much memory is used.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    buffer: BytesMut,
    current: Option<(Channel, usize)>,
}

/// A header that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unrecognized stream: {0}")]
pub(crate) struct BadFrame(u8);

impl Demux {
    /// Adds bytes from the wire.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next piece, if one is there.
    pub(crate) fn next(&mut self) -> Result<Option<(Channel, Bytes)>, BadFrame> {
        loop {
            match self.current {
                Some((channel, left)) if left > 0 => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    let piece = self.buffer.split_to(left.min(self.buffer.len())).freeze();
                    self.current = Some((channel, left - piece.len()));
                    return Ok(Some((channel, piece)));
                }
                _ if self.buffer.len() < HEADER => return Ok(None),
                _ => {
                    let channel = match self.buffer[0] {
                        // Docker's stream 0 is standard input echoed; its client prints it.
                        0 | 1 => Channel::Out,
                        2 => Channel::Err,
                        3 => Channel::System,
                        other => return Err(BadFrame(other)),
                    };
                    self.buffer.advance(4);
                    let length = self.buffer.get_u32();
                    self.current = Some((channel, usize::try_from(length).unwrap_or(usize::MAX)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![stream, 0, 0, 0];
        out.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        out.extend(payload);
        out
    }

    fn drain(demux: &mut Demux, out: &mut (Vec<u8>, Vec<u8>)) {
        while let Some((channel, piece)) = demux.next().unwrap() {
            if channel == Channel::Out { out.0.extend(piece) } else { out.1.extend(piece) }
        }
    }

    proptest! {
        #[test]
        fn any_cut_of_the_wire_gives_the_same(
            frames in prop::collection::vec((1u8..3, prop::collection::vec(any::<u8>(), 0..40)), 0..10),
            cut in 1usize..17,
        ) {
            let wire: Vec<u8> = frames.iter().flat_map(|(stream, payload)| frame(*stream, payload)).collect();
            let mut demux = Demux::default();
            let mut got = (Vec::new(), Vec::new());
            for piece in wire.chunks(cut) {
                demux.push(piece);
                drain(&mut demux, &mut got);
            }
            let of = |n: u8| frames.iter().filter(|(s, _)| *s == n).flat_map(|(_, p)| p.clone()).collect::<Vec<u8>>();
            prop_assert_eq!(got, (of(1), of(2)));
        }
    }

    #[test]
    fn a_wrong_header_is_told() {
        let mut demux = Demux::default();
        demux.push(&[9, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(demux.next(), Err(BadFrame(9)));
    }
}
