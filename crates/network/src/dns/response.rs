//! What a server of the outside answers: whether it is one to our question, and how long it holds.

use std::time::Duration;

use super::wire::{
    FORMAT_ERROR, HEADER_LEN, KIND_AND_CLASS_LEN, NO_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED, OPCODE, OPT, QR,
    RCODE, REFUSED, SERVER_FAILURE, SOA, Section, TC, counts, number, records,
};

/// Nothing is kept longer.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// That there is no such name, or no such record of it, is kept no longer.
const LONGEST_NEGATIVE_LIFE: Duration = Duration::from_secs(60);
/// The last of a zone's five numbers says how long an absence may be kept.
const SOA_NUMBERS_LEN: usize = 20;

/// What matters of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) outcome: u16,
    pub(super) is_truncated: bool,
    /// Whether it repeats the question; only a failure may do without.
    pub(super) has_question: bool,
    /// How long it may be kept, if at all.
    pub(super) life: Option<Duration>,
}

impl Response {
    /// Reads an answer to `asked`, a question with the number we gave it and `end` as its question's end; `None` for
    /// anything else.
    pub(super) fn read(bytes: &[u8], asked: &[u8], end: usize) -> Option<Response> {
        let flags = number(bytes, 2)?;
        if bytes[..2] != asked[..2] || flags & QR == 0 || flags & OPCODE != 0 {
            return None;
        }
        let outcome = flags & RCODE;
        let [questions, answers, ..] = counts(bytes)?;
        let is_failure = matches!(outcome, FORMAT_ERROR | SERVER_FAILURE | NOT_IMPLEMENTED | REFUSED);
        if questions == 0 && answers == 0 && is_failure {
            return Some(Response { outcome, is_truncated: false, has_question: false, life: None });
        }
        let (ours, theirs) = (asked.get(HEADER_LEN..end)?, bytes.get(HEADER_LEN..end)?);
        let name_len = ours.len() - KIND_AND_CLASS_LEN;
        let is_same = ours[..name_len].eq_ignore_ascii_case(&theirs[..name_len])
            && ours[name_len..] == theirs[name_len..];
        if questions != 1 || !is_same {
            return None;
        }
        let is_truncated = flags & TC != 0;
        let life = if is_truncated { None } else { life(bytes, end, outcome) };
        Some(Response { outcome, is_truncated, has_question: true, life })
    }

    /// Whether another server may know better.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.outcome, SERVER_FAILURE | REFUSED)
    }
}

/// The shortest life of its records; for an absence also what the zone says about that.
fn life(bytes: &[u8], end: usize, outcome: u16) -> Option<Duration> {
    if !matches!(outcome, NO_ERROR | NO_SUCH_NAME) {
        return None;
    }
    let asked_kind = number(bytes, end - KIND_AND_CLASS_LEN)?;
    let (mut shortest, mut absence) = (u32::MAX, None);
    let mut is_positive = false;
    for record in records(bytes, end) {
        let record = record?;
        if record.kind == OPT {
            continue;
        }
        let ttl = ttl(bytes, record.ttl_at)?;
        shortest = shortest.min(ttl);
        is_positive |= record.section == Section::Answer && record.kind == asked_kind;
        if record.section == Section::Authority && record.kind == SOA && record.data.len() >= SOA_NUMBERS_LEN
        {
            absence = ttl_of(&bytes[record.data.end - 4..record.data.end]);
        }
    }
    let seconds = |count: u32| Duration::from_secs(count.into());
    let life = if is_positive && outcome == NO_ERROR {
        seconds(shortest).min(LONGEST_LIFE)
    } else {
        seconds(absence?.min(shortest)).min(LONGEST_NEGATIVE_LIFE)
    };
    (!life.is_zero()).then_some(life)
}

/// Takes what has passed off all times to live.
pub(super) fn age(bytes: &mut [u8], end: usize, passed: Duration) {
    let passed = u32::try_from(passed.as_secs()).unwrap_or(u32::MAX);
    let places: Vec<usize> = records(bytes, end)
        .map_while(|record| record)
        .filter(|record| record.kind != OPT)
        .map(|record| record.ttl_at)
        .collect();
    for at in places {
        let left = ttl(bytes, at).unwrap_or_default().saturating_sub(passed);
        bytes[at..at + 4].copy_from_slice(&left.to_be_bytes());
    }
}

fn ttl(bytes: &[u8], at: usize) -> Option<u32> {
    ttl_of(bytes.get(at..at + 4)?)
}

/// A time to live with its highest bit set counts as none (RFC 2181).
fn ttl_of(bytes: &[u8]) -> Option<u32> {
    let value = u32::from_be_bytes(*bytes.first_chunk()?);
    Some(if value > i32::MAX as u32 { 0 } else { value })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dns::query::tests::ask;
    use crate::dns::wire::{A, IN, put_number};

    /// An answer to `asked` with this outcome and one address for so many seconds.
    pub(in crate::dns) fn answer(asked: &[u8], outcome: u16, ttl: Option<u32>) -> Vec<u8> {
        let mut bytes = asked.to_vec();
        put_number(&mut bytes, 2, QR | outcome);
        if let Some(ttl) = ttl {
            put_number(&mut bytes, 6, 1);
            bytes.extend([&[0xc0, 12][..], &A.to_be_bytes(), &IN.to_be_bytes(), &ttl.to_be_bytes()].concat());
            bytes.extend([0, 4, 192, 0, 2, 1]);
        }
        bytes
    }

    /// The same with what a zone says about absences.
    pub(in crate::dns) fn absence(asked: &[u8], outcome: u16, ttl: u32, minimum: u32) -> Vec<u8> {
        let mut bytes = answer(asked, outcome, None);
        put_number(&mut bytes, 8, 1);
        bytes.extend(
            [&[0][..], &SOA.to_be_bytes(), &IN.to_be_bytes(), &ttl.to_be_bytes(), &[0, 22, 0, 0]].concat(),
        );
        bytes.extend([[0; 16].as_slice(), &minimum.to_be_bytes()].concat());
        bytes
    }

    fn life_of(bytes: &[u8], asked: &[u8]) -> Option<u64> {
        Response::read(bytes, asked, asked.len()).unwrap().life.map(|life| life.as_secs())
    }

    #[test]
    fn lives_are_those_of_the_records_within_limits() {
        let asked = ask(5, "a.example", A);
        assert_eq!(life_of(&answer(&asked, NO_ERROR, Some(30)), &asked), Some(30));
        assert_eq!(life_of(&answer(&asked, NO_ERROR, Some(0)), &asked), None);
        assert_eq!(life_of(&answer(&asked, NO_ERROR, Some(u32::MAX)), &asked), None);
        assert_eq!(life_of(&answer(&asked, NO_ERROR, Some(1_000_000)), &asked), Some(3600));
        assert_eq!(life_of(&answer(&asked, NO_ERROR, None), &asked), None, "an absence of unknown length");
        assert_eq!(life_of(&absence(&asked, NO_SUCH_NAME, 300, 20), &asked), Some(20));
        assert_eq!(life_of(&absence(&asked, NO_ERROR, 10, 20), &asked), Some(10));
        assert_eq!(life_of(&absence(&asked, NO_SUCH_NAME, 9999, 9999), &asked), Some(60));
        assert_eq!(life_of(&answer(&asked, SERVER_FAILURE, Some(30)), &asked), None);
    }

    #[test]
    fn answers_to_other_questions_are_none() {
        let asked = ask(5, "a.example", A);
        let read = |bytes: &[u8]| Response::read(bytes, &asked, asked.len());
        assert!(read(&answer(&ask(5, "A.Example", A), NO_ERROR, Some(1))).is_some());
        assert!(read(&answer(&ask(6, "a.example", A), NO_ERROR, Some(1))).is_none(), "another number");
        assert!(read(&answer(&ask(5, "b.example", A), NO_ERROR, Some(1))).is_none(), "another name");
        assert!(read(&answer(&ask(5, "a.example", 28), NO_ERROR, Some(1))).is_none(), "another type");
        assert!(read(&asked).is_none(), "a question");
        assert!(read(&[0, 5, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_none(), "no question, but no failure");
        assert!(!read(&[0, 5, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap().has_question);
    }

    #[test]
    fn torn_answers_are_not_kept() {
        let asked = ask(5, "a.example", A);
        let whole = answer(&asked, NO_ERROR, Some(30));
        for len in asked.len()..whole.len() {
            assert_eq!(life_of(&whole[..len], &asked), None, "{len}");
        }
    }

    #[test]
    fn ages_are_taken_off() {
        let asked = ask(5, "a.example", A);
        let mut bytes = answer(&asked, NO_ERROR, Some(30));
        age(&mut bytes, asked.len(), Duration::from_millis(10_900));
        assert_eq!(bytes, answer(&asked, NO_ERROR, Some(20)));
        age(&mut bytes, asked.len(), Duration::from_secs(100));
        assert_eq!(bytes, answer(&asked, NO_ERROR, Some(0)));
    }
}
