//! Answers made here, and answers of others fitted to who asked.

use super::query::Query;
use super::wire::{CD, HEADER_LEN, IN, OPCODE, OPT, QR, RA, RCODE, RD, TC, number, put_number};

/// How long a client may keep a local answer, in seconds. Names go with their containers, so it is short: asking
/// again costs some 20 microseconds. Docker says 600.
const LOCAL_TTL: u32 = 5;
/// How large a datagram we say we take.
const OWN_DATAGRAM: u16 = 1232;
/// The name of a record that is the question's: a pointer to it.
const SAME_NAME: [u8; 2] = [0xc0, HEADER_LEN as u8];
const OPT_LEN: usize = 11;

/// A local answer under construction.
pub(super) struct Reply<'a, 'b> {
    query: &'a Query<'b>,
    bytes: Vec<u8>,
    limit: usize,
    answers: u16,
    is_truncated: bool,
}

impl<'a, 'b> Reply<'a, 'b> {
    /// An answer without records, that may become `limit` bytes long.
    pub(super) fn new(query: &'a Query<'b>, limit: usize) -> Reply<'a, 'b> {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&query.bytes[..2]);
        bytes.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(query.question());
        let reserved = if query.datagram.is_some() { OPT_LEN } else { 0 };
        Reply { query, bytes, limit: limit.saturating_sub(reserved), answers: 0, is_truncated: false }
    }

    /// Adds a record about the name that was asked for, if there is room.
    pub(super) fn push(&mut self, kind: u16, data: &[u8]) {
        let head = [kind.to_be_bytes(), IN.to_be_bytes()].concat();
        let len = SAME_NAME.len() + head.len() + 6 + data.len();
        if self.is_truncated || self.bytes.len() + len > self.limit {
            self.is_truncated = true;
            return;
        }
        self.bytes.extend_from_slice(&SAME_NAME);
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(&LOCAL_TTL.to_be_bytes());
        self.bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(data);
        self.answers += 1;
    }

    /// The message.
    pub(super) fn finish(mut self, outcome: u16) -> Vec<u8> {
        let truncated = if self.is_truncated { TC } else { 0 };
        put_number(&mut self.bytes, 2, QR | RA | (self.query.flags & (RD | CD)) | truncated | outcome);
        put_number(&mut self.bytes, 6, self.answers);
        if self.query.datagram.is_some() {
            put_number(&mut self.bytes, 10, 1);
            self.bytes.push(0);
            self.bytes.extend_from_slice(&OPT.to_be_bytes());
            self.bytes.extend_from_slice(&OWN_DATAGRAM.to_be_bytes());
            self.bytes.extend_from_slice(&[0; 6]);
        }
        self.bytes
    }
}

/// Answers a message that could not be read as a question, out of its header alone.
pub(super) fn bare_reply(message: &[u8], outcome: u16) -> Option<Vec<u8>> {
    let flags = number(message, 2)?;
    let mut bytes = message.get(..2)?.to_vec();
    bytes.extend_from_slice(&(QR | (flags & (OPCODE | RD)) | (outcome & RCODE)).to_be_bytes());
    bytes.resize(HEADER_LEN, 0);
    Some(bytes)
}

/// Makes another's whole answer one to this asker: its number, its way to write the name, no larger than it takes.
/// The answer's question is as long as the asker's, which has been checked.
pub(super) fn fit(answer: &[u8], id: u16, question: &[u8], limit: usize) -> Vec<u8> {
    let mut bytes = answer.to_vec();
    if bytes.len() > limit {
        bytes.truncate(HEADER_LEN + question.len());
        let flags = number(answer, 2).unwrap_or_default();
        put_number(&mut bytes, 2, flags | TC);
        bytes[6..HEADER_LEN].fill(0);
    }
    put_number(&mut bytes, 0, id);
    bytes[HEADER_LEN..HEADER_LEN + question.len()].copy_from_slice(question);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::query::tests::{ask, ask_with_room};
    use crate::dns::wire::{A, NO_ERROR, counts};

    #[test]
    fn a_local_answer_that_is_too_large_says_so() {
        let bytes = ask_with_room(9, "web", A, 512);
        let query = Query::read(&bytes).unwrap();
        let mut reply = Reply::new(&query, query.datagram_limit());
        for octet in 0..200 {
            reply.push(A, &[10, 0, 0, octet]);
        }
        let answer = reply.finish(NO_ERROR);
        assert!(answer.len() <= 512 && answer.len() > 490, "{}", answer.len());
        assert_ne!(number(&answer, 2).unwrap() & TC, 0);
        assert_eq!(counts(&answer).unwrap(), [1, 30, 0, 1]);
    }

    #[test]
    fn an_answer_of_others_is_fitted_to_the_asker() {
        let asked = ask(7, "WEB", A);
        let mut answer = ask(1, "web", A);
        answer[7] = 1;
        answer.extend([0; 600]);
        let question = &asked[HEADER_LEN..];
        let whole = fit(&answer, 7, question, 4096);
        assert_eq!(
            (&whole[..2], &whole[HEADER_LEN..asked.len()], whole.len()),
            (&[0, 7][..], question, answer.len())
        );
        let cut = fit(&answer, 7, question, 512);
        assert_eq!(cut.len(), asked.len());
        assert_eq!((number(&cut, 2).unwrap() & TC, counts(&cut).unwrap()), (TC, [1, 0, 0, 0]));
    }
}
