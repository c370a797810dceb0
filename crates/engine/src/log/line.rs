//! One line of a json-file log: `{"log":"…\n","stream":"stdout","time":"2026-11-21T09:02:00.123456789Z"}`.
//!
//! What the shim writes is taken apart by hand, without a copy unless there is an escape; any other JSON (from another
//! engine's hand, or with keys in another order) goes through a JSON parser.

use serde::Deserialize;
use std::borrow::Cow;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) log: Cow<'a, [u8]>,
    /// 1 for standard output, 2 for standard error.
    pub(super) stream: u8,
    /// RFC 3339, as it was written.
    pub(super) time: Cow<'a, str>,
    /// The JSON object of its attributes.
    pub(super) attrs: Option<Cow<'a, [u8]>>,
}

/// Takes one line apart; `None` if it is none.
pub(super) fn parse(text: &[u8]) -> Option<Line<'_>> {
    by_hand(text).or_else(|| by_parser(text))
}

/// Nanoseconds since the epoch.
pub(super) fn time_ns(time: &str) -> Option<i64> {
    let parsed = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    i64::try_from(parsed.unix_timestamp_nanos()).ok()
}

/// The time as Docker puts it before a line: always nine digits of fraction.
pub(super) fn push_timestamp(time: &str, out: &mut Vec<u8>) {
    const DIGITS: usize = 9;
    let zone = time.rfind(['Z', '+', '-']).unwrap_or(time.len());
    let (moment, zone) = time.split_at(zone);
    let (seconds, fraction) = moment.split_once('.').unwrap_or((moment, ""));
    out.extend_from_slice(seconds.as_bytes());
    out.push(b'.');
    out.extend_from_slice(&fraction.as_bytes()[..fraction.len().min(DIGITS)]);
    out.extend(std::iter::repeat_n(b'0', DIGITS.saturating_sub(fraction.len())));
    out.extend_from_slice(zone.as_bytes());
    out.push(b' ');
}

fn by_hand(text: &[u8]) -> Option<Line<'_>> {
    let rest = text.strip_prefix(br#"{"log":""#)?;
    let (log, rest) = string(rest)?;
    let rest = rest.strip_prefix(br#","stream":"std"#)?;
    let (stream, mut rest) = if let Some(rest) = rest.strip_prefix(br#"out""#) {
        (1, rest)
    } else {
        (2, rest.strip_prefix(br#"err""#)?)
    };
    let mut attrs = None;
    if rest.starts_with(br#","attrs":{"#) {
        let object = rest.strip_prefix(br#","attrs":"#)?;
        rest = skip_object(object)?;
        attrs = Some(Cow::Borrowed(&object[..object.len() - rest.len()]));
    }
    let (time, rest) = string(rest.strip_prefix(br#","time":""#)?)?;
    let time = match time {
        Cow::Borrowed(time) if rest == b"}" => Cow::Borrowed(std::str::from_utf8(time).ok()?),
        _ => return None,
    };
    Some(Line { log, stream, time, attrs })
}

/// The string that begins here, and what follows its closing quote.
fn string(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let special = text.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    if text[special] == b'"' {
        return Some((Cow::Borrowed(&text[..special]), &text[special + 1..]));
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let special = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        plain.extend_from_slice(&rest[..special]);
        rest = &rest[special..];
        if rest[0] == b'"' {
            return Some((Cow::Owned(plain), &rest[1..]));
        }
        rest = unescape(&rest[1..], &mut plain)?;
    }
}

/// Takes one escape, after its backslash.
fn unescape<'a>(text: &'a [u8], plain: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (letter, rest) = text.split_first()?;
    plain.push(match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'"' | b'\\' | b'/' => *letter,
        b'u' => return unescape_unicode(rest, plain),
        _ => return None,
    });
    Some(rest)
}

fn unescape_unicode<'a>(text: &'a [u8], plain: &mut Vec<u8>) -> Option<&'a [u8]> {
    let unit = |text: &[u8]| u32::from_str_radix(std::str::from_utf8(text.get(..4)?).ok()?, 16).ok();
    let high = unit(text)?;
    let mut rest = &text[4..];
    let mut point = high;
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) =
            rest.strip_prefix(br"\u").and_then(unit).filter(|low| (0xdc00..0xe000).contains(low))
    {
        point = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        rest = &rest[6..];
    }
    let letter = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
    plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

/// What follows the object that begins here.
fn skip_object(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0usize;
    let mut rest = text;
    loop {
        let (byte, tail) = rest.split_first()?;
        rest = tail;
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            b'"' => rest = string(rest)?.1,
            _ => {}
        }
        if depth == 0 {
            return Some(rest);
        }
    }
}

#[derive(Deserialize)]
struct Parsed<'a> {
    #[serde(default)]
    log: String,
    #[serde(default)]
    stream: Cow<'a, str>,
    time: String,
    attrs: Option<serde_json::Value>,
}

fn by_parser(text: &[u8]) -> Option<Line<'_>> {
    let parsed: Parsed<'_> = serde_json::from_slice(text).ok()?;
    let stream = if parsed.stream == "stderr" { 2 } else { 1 };
    let attrs = parsed.attrs.and_then(|attrs| serde_json::to_vec(&attrs).ok()).map(Cow::Owned);
    Some(Line { log: Cow::Owned(parsed.log.into_bytes()), stream, time: Cow::Owned(parsed.time), attrs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIME: &str = "2026-11-21T09:02:00.5Z";

    #[test]
    fn what_the_shim_writes_is_not_copied() {
        let text = format!(r#"{{"log":"hello","stream":"stderr","time":"{TIME}"}}"#);
        let line = parse(text.as_bytes()).unwrap();
        assert!(matches!(line.log, Cow::Borrowed(b"hello")));
        assert_eq!((line.stream, &*line.time), (2, TIME));
    }

    #[test]
    fn other_shapes_are_read_too() {
        for text in [
            format!(r#"{{"log":"a\n","stream":"stdout","attrs":{{"x":"}}\"","y":{{}}}},"time":"{TIME}"}}"#),
            format!(r#"{{ "time":"{TIME}", "stream":"stdout", "log":"a\n" }}"#),
        ] {
            let line = parse(text.as_bytes()).unwrap();
            assert_eq!((&*line.log, line.stream), (b"a\n".as_slice(), 1), "{text}");
        }
        for text in ["", "{", r#"{"log":"a"}"#, r#"{"log":"a\q","stream":"stdout","time":"t"}"#, "\0\0\0"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn timestamps_have_nine_digits() {
        let of = |time| {
            let mut out = Vec::new();
            push_timestamp(time, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(of(TIME), "2026-11-21T09:02:00.500000000Z ");
        assert_eq!(of("2026-11-21T09:02:00Z"), "2026-11-21T09:02:00.000000000Z ");
        assert_eq!(of("2026-11-21T09:02:00.123456789Z"), "2026-11-21T09:02:00.123456789Z ");
    }

    proptest! {
        #[test]
        fn by_hand_agrees_with_the_parser(log in any::<String>(), stderr: bool) {
            let stream = if stderr { "stderr" } else { "stdout" };
            let log_json = serde_json::to_string(&log).unwrap();
            let text = format!(r#"{{"log":{log_json},"stream":"{stream}","time":"{TIME}"}}"#);
            let hand = by_hand(text.as_bytes()).unwrap();
            prop_assert_eq!(&hand, &by_parser(text.as_bytes()).unwrap());
            prop_assert_eq!(&*hand.log, log.as_bytes());
        }

        #[test]
        fn no_line_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
            let prefixed = [br#"{"log":""#.as_slice(), &text].concat();
            let _ = parse(&prefixed);
        }
    }
}
