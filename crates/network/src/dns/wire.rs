//! The wire format of DNS, as far as answers are made or looked over here: numbers, names, records (RFC 1035, RFC 6891).
//!
//! Every byte may come from a hostile container or server: positions are checked, and an answer of `None` is the end
//! of the message.

use std::net::IpAddr;
use std::ops::Range;

/// The length of a message's header.
pub(super) const HEADER_LEN: usize = 12;
/// A name ends with an empty label and has at most this many bytes.
const NAME_LIMIT: usize = 255;
/// A label has at most this many bytes.
const LABEL_LIMIT: usize = 63;
/// The two highest bits of a length that is none: the rest says where the name goes on.
const POINTER: u8 = 0xc0;
/// What type and class take behind the name of a question.
pub(super) const KIND_AND_CLASS_LEN: usize = 4;
/// Type, class, time to live and the data's length, between the name and the data of a record.
const RECORD_HEAD_LEN: usize = 10;
/// Where the time to live lies in that head.
const TTL_OFFSET: usize = 4;

/// It is an answer.
pub(super) const QR: u16 = 1 << 15;
/// What is asked for: 0 is a plain question.
pub(super) const OPCODE: u16 = 0xf << 11;
/// The answer is not whole.
pub(super) const TC: u16 = 1 << 9;
/// Others may be asked for the answer.
pub(super) const RD: u16 = 1 << 8;
/// Others are asked for the answer.
pub(super) const RA: u16 = 1 << 7;
/// No signatures need be checked.
pub(super) const CD: u16 = 1 << 4;
/// The outcome.
pub(super) const RCODE: u16 = 0xf;

/// Outcomes.
pub(super) const NO_ERROR: u16 = 0;
pub(super) const FORMAT_ERROR: u16 = 1;
pub(super) const SERVER_FAILURE: u16 = 2;
pub(super) const NO_SUCH_NAME: u16 = 3;
pub(super) const NOT_IMPLEMENTED: u16 = 4;
pub(super) const REFUSED: u16 = 5;

/// Types of records.
pub(super) const A: u16 = 1;
pub(super) const SOA: u16 = 6;
pub(super) const PTR: u16 = 12;
pub(super) const AAAA: u16 = 28;
pub(super) const OPT: u16 = 41;
/// A question of all types.
pub(super) const ANY: u16 = 255;
/// The class of the internet.
pub(super) const IN: u16 = 1;

/// The number at this place.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*pair))
}

/// Replaces the number at this place, which exists.
pub(super) fn put_number(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The four fields of the header that say how many questions, answers, authorities and additions follow.
pub(super) fn counts(bytes: &[u8]) -> Option<[u16; 4]> {
    Some([number(bytes, 4)?, number(bytes, 6)?, number(bytes, 8)?, number(bytes, 10)?])
}

/// Where the name that begins here ends. What it points to is not looked at.
pub(super) fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let len = *bytes.get(at)?;
        match len & POINTER {
            0 if len == 0 => return Some(at + 1),
            0 => at += 1 + usize::from(len),
            POINTER => return (at + 2 <= bytes.len()).then_some(at + 2),
            _ => return None,
        }
    }
}

/// A question's name.
pub(super) struct AskedName {
    /// In lower case, without the last dot; `None` if no host or alias can be called so.
    pub(super) text: Option<String>,
    /// Where it ends.
    pub(super) end: usize,
}

/// Reads the name of a question, which points nowhere.
pub(super) fn asked_name(bytes: &[u8]) -> Option<AskedName> {
    let mut text = String::with_capacity(32);
    let mut plain = true;
    let mut at = HEADER_LEN;
    loop {
        let len = usize::from(*bytes.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        if len > LABEL_LIMIT {
            return None;
        }
        let label = bytes.get(at..at + len)?;
        at += len;
        if at - HEADER_LEN >= NAME_LIMIT {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        for byte in label {
            plain &= byte.is_ascii_graphic() && *byte != b'.';
            text.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    Some(AskedName { text: plain.then_some(text), end: at })
}

/// A name for the data of a record; `None` if it cannot be one.
pub(super) fn encode_name(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    for label in text.split('.') {
        if label.is_empty() || label.len() > LABEL_LIMIT {
            return None;
        }
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    (bytes.len() <= NAME_LIMIT).then_some(bytes)
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
pub(super) fn reversed_address(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        let mut address = [0u8; 4];
        let mut parts = octets.split('.');
        for octet in address.iter_mut().rev() {
            *octet = parts.next()?.parse().ok()?;
        }
        return parts.next().is_none().then(|| address.into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?;
    let mut address = 0u128;
    let mut count = 0;
    for digit in digits.rsplit('.') {
        let value = u128::from_str_radix(digit, 16).ok().filter(|_| digit.len() == 1)?;
        address = (address << 4) | value;
        count += 1;
    }
    (count == 32).then(|| std::net::Ipv6Addr::from(address).into())
}

/// In which part of a message a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// One record of a message.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) section: Section,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// Where its time to live lies.
    pub(super) ttl_at: usize,
    pub(super) data: Range<usize>,
}

/// Walks the records from `at` on. `None` is an item if the message ends before its last record.
pub(super) fn records(bytes: &[u8], at: usize) -> impl Iterator<Item = Option<Record>> {
    let [_, answers, authorities, additional] = counts(bytes).unwrap_or_default();
    let sections =
        [(Section::Answer, answers), (Section::Authority, authorities), (Section::Additional, additional)];
    let mut next = Some(at);
    sections.into_iter().flat_map(|(section, count)| (0..count).map(move |_| section)).map_while(
        move |section| {
            let record = record(bytes, next?, section);
            next = record.as_ref().map(|record| record.data.end);
            Some(record)
        },
    )
}

fn record(bytes: &[u8], at: usize, section: Section) -> Option<Record> {
    let head = skip_name(bytes, at)?;
    let data = head + RECORD_HEAD_LEN;
    let len = usize::from(number(bytes, head + RECORD_HEAD_LEN - 2)?);
    (data + len <= bytes.len()).then_some(Record {
        section,
        kind: number(bytes, head)?,
        class: number(bytes, head + 2)?,
        ttl_at: head + TTL_OFFSET,
        data: data..data + len,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_addresses_are_read() {
        assert_eq!(reversed_address("2.0.17.172.in-addr.arpa"), Some("172.17.0.2".parse().unwrap()));
        let name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
        assert_eq!(reversed_address(name), Some("fd00::1".parse().unwrap()));
        for name in
            ["0.17.172.in-addr.arpa", "1.2.0.17.172.in-addr.arpa", "x.in-addr.arpa", "1.0.ip6.arpa", "web"]
        {
            assert_eq!(reversed_address(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_not_written() {
        assert_eq!(encode_name("web.net1").unwrap(), b"\x03web\x04net1\0");
        for name in ["", "a..b", &"a".repeat(64), &"abcdefg.".repeat(40)] {
            assert_eq!(encode_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_never_leads_out_of_the_message() {
        for bytes in [&b"\x03we"[..], &b"\xc0"[..], &b"\x40a"[..], &b"\x80"[..], &b""[..]] {
            assert_eq!(skip_name(bytes, 0), None, "{bytes:?}");
        }
        assert_eq!(skip_name(b"\x01a\xc0\x00", 0), Some(4));
    }
}
