//! A snapshot as it travels: its records, each with its length before it, cut into pieces anywhere. What is on either disk
//! is no concern of the other.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use prost::encoding::decode_varint;
use sha2::{Digest, Sha256};
use swarm_api::pb;
use swarm_api::pb::snapshot_record::Record;
use thiserror::Error;

use super::convert;
use super::types::{SnapshotMeta, StoredMembership};
use crate::store::{Object, State, encode, restore};

/// So many bytes in a piece, about.
const PIECE_BYTES: usize = 256 * 1024;
/// No record is longer: an object comes from a transaction, and those are bounded.
const MAX_RECORD_BYTES: u64 = 2 * crate::store::MAX_TRANSACTION_BYTES as u64;
/// The most bytes that are taken: far beyond any state that a manager could hold.
const MAX_SNAPSHOT_BYTES: u64 = 1 << 30;
/// A length is written in at most so many bytes.
const MAX_LENGTH_BYTES: usize = 10;

/// What came is not a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Spoilt {
    #[error("a record of {0} bytes in a snapshot")]
    Length(u64),
    #[error("more than {MAX_SNAPSHOT_BYTES} bytes of a snapshot")]
    TooLong,
    #[error("a snapshot that does not begin with its header, or has a second one")]
    Header,
    #[error("a snapshot with a record that cannot be read: {0}")]
    Record(String),
    #[error("a snapshot that ends too early, or with another digest than was told")]
    End,
}

impl From<Spoilt> for io::Error {
    fn from(spoilt: Spoilt) -> Self {
        Self::new(io::ErrorKind::InvalidData, spoilt)
    }
}

/// Gives a snapshot out in pieces.
pub(super) struct Sender<I> {
    header: Option<pb::SnapshotHeader>,
    objects: I,
    hasher: Sha256,
    bytes: u64,
}

impl<I: Iterator<Item = Object>> Sender<I> {
    pub(super) fn new(meta: &SnapshotMeta, objects: I) -> Self {
        let membership = &meta.last_membership;
        let header = pb::SnapshotHeader {
            last: meta.last_log_id.as_ref().map(convert::log_id_to_message),
            membership_id: membership.log_id().as_ref().map(convert::log_id_to_message),
            membership: Some(convert::membership_to_message(membership.membership())),
        };
        Self { header: Some(header), objects, hasher: Sha256::new(), bytes: 0 }
    }

    /// The next piece; none after the last.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            let record = match self.header.take() {
                Some(header) => Record::Header(header),
                None => match self.objects.next() {
                    Some(object) => Record::Object(encode::object_to_message(&object)),
                    None => break,
                },
            };
            piece.extend(pb::SnapshotRecord { record: Some(record) }.encode_length_delimited_to_vec());
        }
        if piece.is_empty() {
            return None;
        }
        self.hasher.update(&piece);
        self.bytes += piece.len() as u64;
        Some(piece)
    }

    /// What comes after the last piece.
    pub(super) fn tail(self) -> pb::SnapshotTail {
        pb::SnapshotTail { bytes: self.bytes, sha256: self.hasher.finalize().to_vec() }
    }
}

/// Puts pieces together again.
#[derive(Default)]
pub(super) struct Receiver {
    /// What came and is no whole record yet.
    rest: BytesMut,
    meta: Option<SnapshotMeta>,
    state: State,
    hasher: Sha256,
    bytes: u64,
}

impl Receiver {
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Spoilt> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > MAX_SNAPSHOT_BYTES {
            return Err(Spoilt::TooLong);
        }
        self.hasher.update(piece);
        self.rest.extend_from_slice(piece);
        while let Some(record) = self.record()? {
            self.take(record)?;
        }
        Ok(())
    }

    /// The next whole record.
    fn record(&mut self) -> Result<Option<Bytes>, Spoilt> {
        let mut ahead = &self.rest[..];
        let length = match decode_varint(&mut ahead) {
            Ok(length) => length,
            Err(_) if self.rest.len() < MAX_LENGTH_BYTES => return Ok(None),
            Err(error) => return Err(Spoilt::Record(error.to_string())),
        };
        if length > MAX_RECORD_BYTES {
            return Err(Spoilt::Length(length));
        }
        let length = usize::try_from(length).map_err(|_| Spoilt::Length(length))?;
        if ahead.len() < length {
            return Ok(None);
        }
        let prefix = self.rest.len() - ahead.len();
        self.rest.advance(prefix);
        Ok(Some(self.rest.split_to(length).freeze()))
    }

    fn take(&mut self, bytes: Bytes) -> Result<(), Spoilt> {
        let unreadable = |error: &dyn std::fmt::Display| Spoilt::Record(error.to_string());
        let message = pb::SnapshotRecord::decode(bytes).map_err(|error| unreadable(&error))?;
        match (message.record, &self.meta) {
            (Some(Record::Header(header)), None) => {
                let membership = convert::membership(header.membership.unwrap_or_default())
                    .map_err(|error| unreadable(&error))?;
                let last_log_id = header.last.map(convert::log_id);
                self.state = State::at(last_log_id.map_or(0, |last| last.index));
                let last_membership =
                    StoredMembership::new(header.membership_id.map(convert::log_id), membership);
                self.meta = Some(SnapshotMeta { last_log_id, last_membership });
                Ok(())
            }
            (Some(Record::Object(object)), Some(_)) => {
                let object = encode::object_from_message(object).map_err(|error| unreadable(&error))?;
                restore(&mut self.state, object);
                Ok(())
            }
            _ => Err(Spoilt::Header),
        }
    }

    /// The snapshot, if all of it came.
    pub(super) fn finish(self, tail: &pb::SnapshotTail) -> Result<(SnapshotMeta, State), Spoilt> {
        let whole = self.rest.is_empty()
            && tail.bytes == self.bytes
            && tail.sha256 == self.hasher.finalize().as_slice();
        match self.meta {
            Some(meta) if whole => Ok((meta, self.state)),
            _ => Err(Spoilt::End),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::raft::types::{LeaderId, LogId};
    use crate::store::{Transaction, apply};

    fn state(nodes: u64) -> State {
        let mut state = State::default();
        for index in 1..=nodes {
            let mut transaction = Transaction::default();
            transaction.put(pb::Node { id: format!("n{index}"), ..Default::default() });
            apply(&mut state, transaction, 1, index).expect("applies");
        }
        state
    }

    fn meta(index: u64) -> SnapshotMeta {
        let last = LogId::new(LeaderId { term: 2, node_id: 5 }, index);
        SnapshotMeta { last_log_id: Some(last), last_membership: StoredMembership::default() }
    }

    fn sent(nodes: u64) -> (Vec<u8>, pb::SnapshotTail) {
        let state = state(nodes);
        let meta = meta(nodes);
        let mut sender = Sender::new(&meta, state.objects());
        let mut bytes = Vec::new();
        while let Some(piece) = sender.next() {
            bytes.extend(piece);
        }
        (bytes, sender.tail())
    }

    proptest! {
        #[test]
        fn pieces_may_be_cut_anywhere(nodes in 0..40_u64, size in 1..600_usize) {
            let (bytes, tail) = sent(nodes);
            let mut receiver = Receiver::default();
            for piece in bytes.chunks(size) {
                receiver.push(piece).expect("own pieces");
            }
            let (read, got) = receiver.finish(&tail).expect("all of it");
            prop_assert_eq!(read.last_log_id, meta(nodes).last_log_id);
            prop_assert_eq!(got.index(), nodes);
            prop_assert!(got.objects().eq(state(nodes).objects()));
        }

        #[test]
        fn a_changed_byte_is_found(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let (mut bytes, tail) = sent(20);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let mut receiver = Receiver::default();
            let pushed = receiver.push(&bytes);
            prop_assert!(pushed.is_err() || receiver.finish(&tail).is_err());
        }

        #[test]
        fn rubbish_is_refused(bytes in prop::collection::vec(any::<u8>(), 1..4096)) {
            let mut receiver = Receiver::default();
            let pushed = receiver.push(&bytes);
            let tail = pb::SnapshotTail { bytes: bytes.len() as u64, sha256: Vec::new() };
            prop_assert!(pushed.is_err() || receiver.finish(&tail).is_err());
        }
    }

    #[test]
    fn half_of_it_is_not_taken() {
        let (bytes, tail) = sent(10);
        let mut receiver = Receiver::default();
        receiver.push(&bytes[..bytes.len() / 2]).expect("so far so good");
        assert_eq!(receiver.finish(&tail).err(), Some(Spoilt::End));
        let mut receiver = Receiver::default();
        assert_eq!(receiver.push(&[0xff, 0xff, 0xff, 0x7f]).err(), Some(Spoilt::Length(268_435_455)));
    }
}
