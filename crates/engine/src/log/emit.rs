//! From one line to the bytes that go to Docker's clients, if it is wanted. Pure.

use super::line::{self, Line};
use crate::container::LogOptions;
use shim::record::Record;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// Puts wanted lines out.
#[derive(Debug)]
pub(super) struct Emit {
    options: LogOptions,
    tty: bool,
    past_until: bool,
}

impl Emit {
    pub(super) fn new(tty: bool, options: LogOptions) -> Emit {
        Emit { options, tty, past_until: false }
    }

    /// Whether a line later than wanted was met: nothing that follows is wanted.
    pub(super) fn is_past_until(&self) -> bool {
        self.past_until
    }

    /// A line of a json-file.
    pub(super) fn json(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        let timed = self.options.since_ns.is_some() || self.options.until_ns.is_some();
        let at_ns = if timed { line::time_ns(&line.time).unwrap_or(0) } else { 0 };
        if !self.wants(line.stream, at_ns) {
            return;
        }
        let frame = self.begin(line.stream, out);
        if self.options.timestamps {
            line::push_timestamp(&line.time, out);
        }
        if self.options.details {
            push_details(line.attrs.as_deref(), out);
        }
        out.extend_from_slice(&line.log);
        self.end(frame, out);
    }

    /// A record of a local file.
    pub(super) fn record(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Record::Line { stderr, partial, at_ns, text } = record else { return };
        let stream = if *stderr { STDERR } else { STDOUT };
        if !self.wants(stream, *at_ns) {
            return;
        }
        let frame = self.begin(stream, out);
        if self.options.timestamps {
            line::push_timestamp(&rfc3339(*at_ns), out);
        }
        if self.options.details {
            push_details(None, out);
        }
        out.extend_from_slice(text);
        if !partial {
            out.push(b'\n');
        }
        self.end(frame, out);
    }

    fn wants(&mut self, stream: u8, at_ns: i64) -> bool {
        if self.options.until_ns.is_some_and(|until| at_ns > until) {
            self.past_until = true;
        }
        // Neither means both where a stream of the log alone is asked for; that is the caller's to say.
        let wanted = if stream == STDOUT { self.options.stdout } else { self.options.stderr };
        wanted && !self.past_until && self.options.since_ns.is_none_or(|since| at_ns >= since)
    }

    /// The place of the frame's header.
    fn begin(&self, stream: u8, out: &mut Vec<u8>) -> usize {
        let frame = out.len();
        if !self.tty {
            out.extend_from_slice(&[stream, 0, 0, 0, 0, 0, 0, 0]);
        }
        frame
    }

    fn end(&self, frame: usize, out: &mut [u8]) {
        if !self.tty {
            let length = (out.len() - frame - 8) as u32;
            out[frame + 4..frame + 8].copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// `key=value,key=value ` as a URL's query has them; the space is there also without any.
fn push_details(attrs: Option<&[u8]>, out: &mut Vec<u8>) {
    let attrs: BTreeMap<String, String> =
        attrs.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default();
    for (at, (key, value)) in attrs.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_escaped(key, out);
        out.push(b'=');
        push_escaped(value, out);
    }
    out.push(b' ');
}

fn push_escaped(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

fn rfc3339(ns: i64) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_stand_between_time_and_text() {
        let options = LogOptions { stdout: true, timestamps: true, details: true, ..LogOptions::default() };
        let text =
            br#"{"log":"hi\n","stream":"stdout","attrs":{"b":"x y","a":"1&"},"time":"2026-11-21T09:00:00Z"}"#;
        let mut out = Vec::new();
        Emit::new(true, options).json(&line::parse(text).unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "2026-11-21T09:00:00.000000000Z a=1%26,b=x+y hi\n");
        let record = Record::Line { stderr: false, partial: true, at_ns: 5, text: b"half" };
        let mut out = Vec::new();
        Emit::new(false, options).record(&record, &mut out);
        assert_eq!(&out[8..], b"1970-01-01T00:00:00.000000005Z  half");
        assert_eq!(out[..8], [1, 0, 0, 0, 0, 0, 0, 36]);
    }
}
