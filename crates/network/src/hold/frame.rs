//! A message on the wire: its length in four bytes, most significant first, then JSON.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Ten thousand ports take less.
const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;
const LENGTH_LEN: usize = 4;
/// No message has more open files beside it.
const FILES_LIMIT: usize = 3;

/// Writes one message in one piece.
pub fn write_message(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    stream.write_all(&encode(message)?)
}

/// Writes one message with open files beside it, which arrive with its first byte.
pub fn write_with_files(
    stream: &mut UnixStream,
    message: &impl Serialize,
    files: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = encode(message)?;
    if files.is_empty() {
        return stream.write_all(&bytes);
    }
    if files.len() > FILES_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many files"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_LIMIT))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(files));
    let sent = sendmsg(&*stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
    stream.write_all(&bytes[sent..])
}

/// Reads what has arrived, and the open files beside it.
pub fn read_with_files(stream: &UnixStream, bytes: &mut [u8], files: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_LIMIT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(arrived) = message {
            files.extend(arrived);
        }
    }
    Ok(received.bytes)
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; LENGTH_LEN];
    serde_json::to_writer(&mut bytes, message)?;
    let len = bytes.len() - LENGTH_LEN;
    if len > MESSAGE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
    }
    bytes[..LENGTH_LEN].copy_from_slice(&(len as u32).to_be_bytes());
    Ok(bytes)
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
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

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
    fn files_arrive_with_their_message() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        write_with_files(&mut one, &"with", &[file.as_fd(), file.as_fd()]).unwrap();
        let (mut bytes, mut files) = ([0; 64], Vec::new());
        let len = read_with_files(&other, &mut bytes, &mut files).unwrap();
        assert_eq!(take_message::<String>(&mut bytes[..len].to_vec()).unwrap().unwrap(), "with");
        let inode = |file: &std::fs::File| file.metadata().unwrap().ino();
        let received: Vec<_> = files.into_iter().map(|fd| inode(&fd.into())).collect();
        assert_eq!(received, [inode(&file); 2]);
        assert!(write_with_files(&mut one, &"many", &[file.as_fd(); FILES_LIMIT + 1]).is_err());
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
