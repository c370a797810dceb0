//! Messages on a byte stream: a big-endian u32 length, then JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message either side accepts.
///
/// An exec brings its arguments and variables along.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

const HEADER_BYTES: usize = 4;

/// Why a message cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed or ended inside a message.
    #[error("shim connection: {0}")]
    Io(#[from] io::Error),
    /// Longer than [`MAX_MESSAGE_BYTES`].
    #[error("shim message of {0} bytes is longer than {MAX_MESSAGE_BYTES}")]
    TooLong(usize),
    /// Not the JSON that was expected.
    #[error("shim message: {0}")]
    Json(#[from] serde_json::Error),
}

/// Encodes a message with its length.
///
/// # Errors
/// If it is too long.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER_BYTES];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - HEADER_BYTES;
    if length > MAX_MESSAGE_BYTES {
        return Err(FrameError::TooLong(length));
    }
    bytes[..HEADER_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(bytes)
}

/// Decodes the JSON of one message, without its length.
///
/// # Errors
/// If it is not the JSON of a `T`.
pub fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, FrameError> {
    Ok(serde_json::from_slice(json)?)
}

/// Writes one message to a blocking stream.
///
/// # Errors
/// If the stream fails or the message is too long.
pub fn write<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), FrameError> {
    stream.write_all(&encode(message)?)?;
    Ok(())
}

/// Reads one message from a blocking stream. `None`: the stream has ended between messages.
///
/// # Errors
/// If the stream fails or ends inside a message, or the message is not a `T`.
pub fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut header = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < HEADER_BYTES {
        match stream.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let length = checked_length(header)?;
    let mut json = vec![0; length];
    stream.read_exact(&mut json)?;
    decode(&json).map(Some)
}

/// Cuts messages out of bytes that arrive in pieces; for streams that do not block.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Adds what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The JSON of the next whole message. Once `push` has been called, call this until it gives `None`.
    ///
    /// # Errors
    /// If the peer announces a message that is too long; the connection is of no use then.
    pub fn next_json(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some(header) = self.bytes.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let end = HEADER_BYTES + checked_length(*header)?;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let json = self.bytes[HEADER_BYTES..end].to_vec();
        self.bytes.drain(..end);
        Ok(Some(json))
    }

    /// What follows the last message: after an attach request, the first bytes of standard input.
    pub fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

fn checked_length(header: [u8; HEADER_BYTES]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(header) as usize;
    if length > MAX_MESSAGE_BYTES {
        return Err(FrameError::TooLong(length));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Request, Response};

    proptest! {
        #[test]
        fn messages_survive_any_cutting(cuts in prop::collection::vec(1_usize..20, 1..40)) {
            let messages = [
                Request::Start,
                Request::Signal { signal: 15, all: true },
                Request::Resize { rows: 24, cols: 80 },
                Request::Attach { stdin: true, stdout: true, stderr: false },
            ];
            let mut bytes: Vec<u8> = Vec::new();
            for message in &messages {
                write(&mut bytes, message).unwrap();
            }
            bytes.extend(b"rest");
            let mut decoder = Decoder::default();
            let mut decoded: Vec<Request> = Vec::new();
            let mut cuts = cuts.into_iter().cycle();
            let mut left = bytes.as_slice();
            while !left.is_empty() {
                let (now, later) = left.split_at(cuts.next().unwrap().min(left.len()));
                decoder.push(now);
                left = later;
                while decoded.len() < messages.len() && let Some(json) = decoder.next_json().unwrap() {
                    decoded.push(decode(&json).unwrap());
                }
            }
            prop_assert_eq!(decoded, messages);
            prop_assert_eq!(decoder.take_rest(), b"rest");
        }
    }

    #[test]
    fn a_long_message_is_refused_before_it_is_read() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_be_bytes());
        assert!(matches!(decoder.next_json(), Err(FrameError::TooLong(_))));
        let mut stream: &[u8] = &u32::MAX.to_be_bytes();
        assert!(matches!(read::<Response>(&mut stream), Err(FrameError::TooLong(_))));
        let mut half: &[u8] = &[0, 0];
        assert!(matches!(read::<Response>(&mut half), Err(FrameError::Io(_))));
    }
}
