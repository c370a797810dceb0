//! What is in a snapshot: length-prefixed records, a header, all objects, and an end.
//!
//! The end record counts the objects and has the digest of all before it, whoever carried it here: half a snapshot is never taken for
//! a whole one.

use std::io::{self, Read, Write};

use prost::Message;
use sha2::{Digest, Sha256};
use swarm_api::pb;
use swarm_api::pb::snapshot_record::Record;
use thiserror::Error;

use crate::raft::convert;
use crate::raft::types::{SnapshotMeta, StoredMembership};
use crate::store::{State, encode, restore};

/// No record is longer: an object comes from a transaction, and those are bounded.
const MAX_RECORD_BYTES: usize = 2 * crate::store::MAX_TRANSACTION_BYTES;

/// A snapshot that is not whole or not ours.
#[derive(Debug, Error)]
enum Corrupt {
    #[error("a record of {0} bytes in a snapshot")]
    Length(u64),
    #[error("the snapshot does not begin with a header")]
    Header,
    #[error("the snapshot's digest does not match")]
    Digest,
    #[error("there is something after the snapshot's end, or no end")]
    End,
    #[error("it ends before its end")]
    Cut,
}

impl From<Corrupt> for io::Error {
    fn from(corrupt: Corrupt) -> Self {
        Self::new(io::ErrorKind::InvalidData, corrupt)
    }
}

/// Writes the records of this state.
pub(crate) fn write_records(writer: impl Write, meta: &SnapshotMeta, state: &State) -> io::Result<()> {
    let mut writer = Hashing { inner: writer, hasher: Sha256::new() };
    let membership = &meta.last_membership;
    let header = pb::SnapshotHeader {
        last: meta.last_log_id.as_ref().map(convert::log_id_to_message),
        membership_id: membership.log_id().as_ref().map(convert::log_id_to_message),
        membership: Some(convert::membership_to_message(membership.membership())),
    };
    put(&mut writer, Record::Header(header))?;
    let mut objects = 0;
    for object in state.objects() {
        put(&mut writer, Record::Object(encode::object_to_message(&object)))?;
        objects += 1;
    }
    let sha256 = writer.hasher.clone().finalize().to_vec();
    put(&mut writer, Record::End(pb::SnapshotEnd { objects, sha256 }))?;
    Ok(())
}

/// What the records are of, without the objects.
pub(super) fn read_meta(mut reader: impl Read) -> io::Result<SnapshotMeta> {
    meta(get(&mut reader)?)
}

/// Reads all records and checks them.
pub(crate) fn read_records(reader: impl Read) -> io::Result<(SnapshotMeta, State)> {
    let mut reader = Hashing { inner: reader, hasher: Sha256::new() };
    let meta = meta(get(&mut reader)?)?;
    let mut state = State::at(meta.last_log_id.map_or(0, |last| last.index));
    let mut objects = 0;
    let end = loop {
        let digest = reader.hasher.clone();
        match get(&mut reader)? {
            Record::Object(object) => {
                restore(&mut state, encode::object_from_message(object).map_err(io::Error::other)?)
            }
            Record::End(end) if end.sha256 != digest.finalize().as_slice() => {
                return Err(Corrupt::Digest.into());
            }
            Record::End(end) => break end,
            Record::Header(_) => return Err(Corrupt::Header.into()),
        }
        objects += 1;
    };
    if end.objects != objects || reader.inner.read(&mut [0])? != 0 {
        return Err(Corrupt::End.into());
    }
    Ok((meta, state))
}

fn meta(record: Record) -> io::Result<SnapshotMeta> {
    let Record::Header(header) = record else { return Err(Corrupt::Header.into()) };
    let membership = convert::membership(header.membership.unwrap_or_default()).map_err(io::Error::other)?;
    Ok(SnapshotMeta {
        last_log_id: header.last.map(convert::log_id),
        last_membership: StoredMembership::new(header.membership_id.map(convert::log_id), membership),
    })
}

fn put(writer: &mut impl Write, record: Record) -> io::Result<()> {
    let bytes = pb::SnapshotRecord { record: Some(record) }.encode_to_vec();
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(&bytes)
}

fn get(reader: &mut impl Read) -> io::Result<Record> {
    let cut = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Corrupt::Cut.into(),
        _ => error,
    };
    let mut length = [0; 4];
    reader.read_exact(&mut length).map_err(cut)?;
    let length = u64::from(u32::from_be_bytes(length));
    let bounded = usize::try_from(length).ok().filter(|length| *length <= MAX_RECORD_BYTES);
    let mut bytes = vec![0; bounded.ok_or(Corrupt::Length(length))?];
    reader.read_exact(&mut bytes).map_err(cut)?;
    let record = pb::SnapshotRecord::decode(bytes.as_slice()).map_err(io::Error::other)?;
    record.record.ok_or_else(|| Corrupt::Header.into())
}

/// Passes bytes on and takes their digest.
struct Hashing<T> {
    inner: T,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}
