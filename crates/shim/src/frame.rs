//! Messages on a byte stream: a big-endian u32 length, then JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message either side accepts.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

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
