//! Frames: taking the client's apart as they come, and making ours. Pure.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A control frame's payload has at most so many bytes (RFC 6455, 5.5).
const CONTROL_LIMIT: u64 = 125;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What the client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Some bytes of a message; where messages begin and end means nothing to a stream.
    Data(Bytes),
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// Nothing more comes.
    Close,
}

/// The client does not speak the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Takes frames apart that arrive in pieces. Of data it keeps nothing back.
#[derive(Debug, Default)]
pub(super) struct Reader {
    current: Option<Frame>,
}

#[derive(Debug)]
struct Frame {
    code: u8,
    left: u64,
    mask: [u8; 4],
    /// How much of the mask has been used, of four.
    at: usize,
}

impl Reader {
    /// The next thing in `buffer`; `None`: more bytes are needed.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Sent>, Broken> {
        loop {
            let frame = match &mut self.current {
                Some(frame) => frame,
                None => match header(buffer)? {
                    Some(frame) => self.current.insert(frame),
                    None => return Ok(None),
                },
            };
            let is_control = frame.code >= CLOSE;
            let there = usize::try_from(frame.left).unwrap_or(usize::MAX).min(buffer.len());
            if (is_control && (there as u64) < frame.left) || (there == 0 && frame.left > 0) {
                return Ok(None);
            }
            let mut payload = buffer.split_to(there);
            for byte in payload.iter_mut() {
                *byte ^= frame.mask[frame.at % 4];
                frame.at += 1;
            }
            frame.left -= there as u64;
            let code = frame.code;
            if frame.left == 0 {
                self.current = None;
            }
            match code {
                CLOSE => return Ok(Some(Sent::Close)),
                PING => return Ok(Some(Sent::Ping(payload.freeze()))),
                PONG => {}
                _ if payload.is_empty() => {}
                _ => return Ok(Some(Sent::Data(payload.freeze()))),
            }
        }
    }
}

/// Takes a frame's header off, if it is all there. Clients mask everything they send.
fn header(buffer: &mut BytesMut) -> Result<Option<Frame>, Broken> {
    let [first, second, ..] = buffer[..] else { return Ok(None) };
    let (code, masked) = (first & 0x0f, second & MASKED != 0);
    let is_known = matches!(code, 0..=BINARY | CLOSE..=PONG);
    // Three bits belong to extensions, none of which has been agreed on.
    if !masked || !is_known || first & 0x70 != 0 {
        return Err(Broken);
    }
    let extra = match second & !MASKED {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if buffer.len() < 2 + extra + 4 {
        return Ok(None);
    }
    buffer.advance(2);
    let left = match extra {
        2 => u64::from(buffer.get_u16()),
        8 => buffer.get_u64(),
        _ => u64::from(second & !MASKED),
    };
    if code >= CLOSE && (left > CONTROL_LIMIT || first & FINAL == 0) {
        return Err(Broken);
    }
    let mut mask = [0; 4];
    buffer.copy_to_slice(&mut mask);
    Ok(Some(Frame { code, left, mask, at: 0 }))
}

/// A message of ours.
pub(super) fn data(payload: &[u8]) -> Bytes {
    frame(BINARY, payload)
}

/// The answer to a ping.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

/// The end, with the code for a normal one.
pub(super) fn close() -> Bytes {
    frame(CLOSE, &1000_u16.to_be_bytes())
}

fn frame(code: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(FINAL | code);
    match payload.len() {
        length @ 0..=125 => frame.put_u8(length as u8),
        length @ 126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(length as u16);
        }
        length => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As a client sends it.
    fn masked(code: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = frame(code, payload).to_vec();
        bytes[1] |= MASKED;
        let head = bytes.len() - payload.len();
        bytes.splice(head..head, mask);
        for (at, byte) in bytes[head + 4..].iter_mut().enumerate() {
            *byte ^= mask[at % 4];
        }
        bytes
    }

    proptest! {
        #[test]
        fn messages_survive_any_cutting(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6), cut in 1usize..50,
        ) {
            let mut wire: Vec<u8> = messages.iter().flat_map(|message| masked(BINARY, message)).collect();
            wire.extend(masked(PING, b"you there?"));
            wire.extend(masked(CLOSE, b""));
            let (mut reader, mut buffer) = (Reader::default(), BytesMut::new());
            let (mut seen, mut rest) = (Vec::new(), Vec::new());
            for piece in wire.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(sent) = reader.next(&mut buffer).unwrap() {
                    match sent {
                        Sent::Data(data) => seen.extend_from_slice(&data),
                        other => rest.push(other),
                    }
                }
            }
            prop_assert_eq!(seen, messages.concat());
            prop_assert_eq!(rest, vec![Sent::Ping(Bytes::from_static(b"you there?")), Sent::Close]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let (mut reader, mut buffer) = (Reader::default(), BytesMut::from(bytes.as_slice()));
            while let Ok(Some(_)) = reader.next(&mut buffer) {}
        }
    }

    #[test]
    fn what_is_not_masked_or_not_agreed_on_is_refused() {
        for wrong in [&[0x82, 0x01, b'x'][..], &[0xc2, 0x80, 0, 0, 0, 0], &[0x83, 0x80, 0, 0, 0, 0]] {
            assert_eq!(Reader::default().next(&mut BytesMut::from(wrong)), Err(Broken), "{wrong:?}");
        }
        let long = masked(PING, &[0; 126]);
        assert_eq!(Reader::default().next(&mut BytesMut::from(long.as_slice())), Err(Broken));
    }
}
