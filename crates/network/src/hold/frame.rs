//! A message on the wire: its length in four bytes, most significant first, then JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Ten thousand ports take less.
const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;
const LENGTH_LEN: usize = 4;

/// Writes one message in one piece.
pub fn write_message(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; LENGTH_LEN];
    serde_json::to_writer(&mut bytes, message)?;
    let len = bytes.len() - LENGTH_LEN;
    if len > MESSAGE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
    }
    bytes[..LENGTH_LEN].copy_from_slice(&(len as u32).to_be_bytes());
    stream.write_all(&bytes)
}

/// Reads one message.
pub fn read_message<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut len = [0; LENGTH_LEN];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len) as usize;
    if len > MESSAGE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut bytes = Vec::new();
    stream.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

/// Takes one whole message off the front of what has been received so far.
pub fn take_message<T: DeserializeOwned>(received: &mut Vec<u8>) -> io::Result<Option<T>> {
    let Some(len) = received.first_chunk::<LENGTH_LEN>() else { return Ok(None) };
    let len = u32::from_be_bytes(*len) as usize;
    if len > MESSAGE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let Some(bytes) = received.get(LENGTH_LEN..LENGTH_LEN + len) else { return Ok(None) };
    let message = serde_json::from_slice(bytes)?;
    received.drain(..LENGTH_LEN + len);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_written() {
        let mut wire = Vec::new();
        write_message(&mut wire, &vec!["a", "b"]).unwrap();
        let read: Vec<String> = read_message(&mut wire.as_slice()).unwrap();
        assert_eq!(read, ["a", "b"]);
    }

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let (mut wire, mut received) = (Vec::new(), Vec::new());
        write_message(&mut wire, &"one").unwrap();
        write_message(&mut wire, &"two").unwrap();
        let mut seen = Vec::new();
        for byte in wire {
            received.push(byte);
            seen.extend(take_message::<String>(&mut received).unwrap());
        }
        assert_eq!(seen, ["one", "two"]);
        assert!(received.is_empty());
    }

    #[test]
    fn torn_and_absurd_messages_are_errors() {
        for wire in
            [&[0, 0, 0][..], &[0, 0, 0, 9, b'1'][..], &[255, 255, 255, 255, 1][..], &[0, 0, 0, 1, b'{'][..]]
        {
            assert!(read_message::<Vec<String>>(&mut &wire[..]).is_err());
        }
    }
}
