//! A container's question, and the shape of what may be answered to it.

use super::wire::{
    AskedName, FORMAT_ERROR, HEADER_LEN, KIND_AND_CLASS_LEN, NOT_IMPLEMENTED, OPCODE, OPT, QR, asked_name,
    counts, number, records,
};

/// What every client takes in a datagram.
const SMALLEST_DATAGRAM: usize = 512;
/// The largest answer in a datagram, however much the client says it takes.
const LARGEST_DATAGRAM: usize = 4096;
/// The largest answer over a stream, whose length is told in two bytes.
pub(super) const LARGEST_MESSAGE: usize = u16::MAX as usize;

/// One question, over the bytes it came in.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) flags: u16,
    /// In lower case, without the last dot; `None` if no host or alias can be called so.
    pub(super) name: Option<String>,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// Where the question ends.
    pub(super) end: usize,
    /// How large a datagram the client takes; `None` if it does not know EDNS.
    pub(super) datagram: Option<u16>,
    /// Whether an equal question has an equal answer.
    pub(super) is_plain: bool,
}

/// Why there is no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// Nothing to answer to.
    Garbage,
    /// To be answered with this outcome.
    Outcome(u16),
}

impl<'a> Query<'a> {
    /// Reads a message that should be a question.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Query<'a>, Problem> {
        let (Some(flags), Some([questions, answers, authorities, _])) = (number(bytes, 2), counts(bytes))
        else {
            return Err(Problem::Garbage);
        };
        if flags & QR != 0 {
            return Err(Problem::Garbage);
        }
        if flags & OPCODE != 0 {
            return Err(Problem::Outcome(NOT_IMPLEMENTED));
        }
        if (questions, answers, authorities) != (1, 0, 0) {
            return Err(Problem::Outcome(FORMAT_ERROR));
        }
        let AskedName { text: name, end } = asked_name(bytes).ok_or(Problem::Garbage)?;
        let (kind, class) = number(bytes, end).zip(number(bytes, end + 2)).ok_or(Problem::Garbage)?;
        let mut query = Query {
            bytes,
            flags,
            name,
            kind,
            class,
            end: end + KIND_AND_CLASS_LEN,
            datagram: None,
            is_plain: true,
        };
        for record in records(bytes, query.end) {
            let record = record.ok_or(Problem::Garbage)?;
            if record.kind == OPT && query.datagram.is_none() {
                // The class of this record is no class.
                query.datagram = Some(record.class);
                query.is_plain &= record.data.is_empty();
            } else {
                // A signature, or something yet to be invented.
                query.is_plain = false;
            }
        }
        Ok(query)
    }

    /// The largest answer the client takes in a datagram.
    pub(super) fn datagram_limit(&self) -> usize {
        self.datagram
            .map_or(SMALLEST_DATAGRAM, |size| usize::from(size).clamp(SMALLEST_DATAGRAM, LARGEST_DATAGRAM))
    }

    /// The question with its name as the client wrote it.
    pub(super) fn question(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..self.end]
    }

    /// What is equal for equal questions to the servers of one `realm`: everything but number and case.
    pub(super) fn key(&self, realm: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(realm.len() + self.bytes.len());
        key.extend_from_slice(realm.as_bytes());
        key.push(0);
        let start = key.len();
        key.extend_from_slice(&self.bytes[2..]);
        let name = start + HEADER_LEN - 2..start + self.end - KIND_AND_CLASS_LEN - 2;
        key[name].make_ascii_lowercase();
        key
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dns::wire::{A, IN, encode_name};

    /// A question as a client would send it.
    pub(in crate::dns) fn ask(id: u16, name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        bytes.extend(encode_name(name).unwrap());
        bytes.extend([kind.to_be_bytes(), IN.to_be_bytes()].concat());
        bytes
    }

    /// The same, with room for this much in a datagram.
    pub(in crate::dns) fn ask_with_room(id: u16, name: &str, kind: u16, room: u16) -> Vec<u8> {
        let mut bytes = ask(id, name, kind);
        bytes[11] = 1;
        bytes.push(0);
        bytes.extend([OPT.to_be_bytes(), room.to_be_bytes(), [0; 2], [0; 2], [0; 2]].concat());
        bytes
    }

    #[test]
    fn questions_are_read_in_lower_case() {
        let bytes = ask(7, "Web.Net1", A);
        let query = Query::read(&bytes).unwrap();
        assert_eq!(query.name.as_deref(), Some("web.net1"));
        assert_eq!((query.kind, query.class, query.datagram_limit()), (A, IN, 512));
        assert_eq!(&query.question()[..9], b"\x03Web\x04Net1");
        assert_eq!(query.key("r"), Query::read(&ask(8, "wEB.net1", A)).unwrap().key("r"));
        assert_ne!(query.key("r"), query.key("s"));
        // 65 and 97 are types, not the two cases of a letter.
        let key = |kind| Query::read(&ask(8, "a", kind)).unwrap().key("r");
        assert_ne!(key(65), key(97));
    }

    #[test]
    fn room_is_what_the_client_says_within_limits() {
        for (room, limit) in [(0, 512), (1232, 1232), (65535, 4096)] {
            let bytes = ask_with_room(1, "web", A, room);
            assert_eq!(Query::read(&bytes).unwrap().datagram_limit(), limit);
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let good = ask_with_room(1, "web", A, 1232);
        let read = |bytes: &[u8]| Query::read(bytes).err();
        for len in 0..good.len() {
            assert_eq!(read(&good[..len]), Some(Problem::Garbage), "{len}");
        }
        let changed = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            bytes
        };
        assert_eq!(read(&changed(2, 0x80)), Some(Problem::Garbage), "an answer");
        assert_eq!(read(&changed(2, 0x28)), Some(Problem::Outcome(NOT_IMPLEMENTED)), "an update");
        assert_eq!(read(&changed(5, 2)), Some(Problem::Outcome(FORMAT_ERROR)), "two questions");
        assert_eq!(read(&changed(7, 1)), Some(Problem::Outcome(FORMAT_ERROR)), "an answer in it");
        assert_eq!(read(&changed(12, 0xc0)), Some(Problem::Garbage), "a pointer");
        assert_eq!(Query::read(&changed(13, b'.')).unwrap().name, None);
    }
}
