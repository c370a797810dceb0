//! Journal entries in systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), with Docker's fields. Pure.

use std::collections::BTreeMap;

use super::{Line, Stream};

/// `<errno>` levels of syslog, as the field `PRIORITY` has them.
const ERROR: &str = "3";
const INFORMATIONAL: &str = "6";

/// Turns the lines of one container into entries.
pub(super) struct Journal {
    fields: BTreeMap<String, String>,
    /// Of the container and this run, the beginning of the ids of partial lines.
    epoch: String,
    ordinal: u64,
    /// The long line that each stream is in the middle of.
    partial: [Option<Partial>; 2],
}

/// A line that comes in pieces.
struct Partial {
    id: String,
    pieces: u32,
}

impl Journal {
    pub(super) fn new(fields: BTreeMap<String, String>, epoch: String) -> Journal {
        Journal { fields, epoch, ordinal: 0, partial: [None, None] }
    }

    /// One entry.
    pub(super) fn entry(&mut self, line: &Line<'_>) -> Vec<u8> {
        self.ordinal += 1;
        let mut entry = Vec::with_capacity(line.text.len() + 512);
        field(&mut entry, "MESSAGE", line.text);
        let priority = match line.stream {
            Stream::Stdout => INFORMATIONAL,
            Stream::Stderr => ERROR,
        };
        field(&mut entry, "PRIORITY", priority.as_bytes());
        field(&mut entry, "SYSLOG_TIMESTAMP", line.at.rfc3339.as_bytes());
        field(&mut entry, "CONTAINER_LOG_EPOCH", self.epoch.as_bytes());
        field(&mut entry, "CONTAINER_LOG_ORDINAL", self.ordinal.to_string().as_bytes());
        for (name, value) in &self.fields {
            field(&mut entry, name, value.as_bytes());
        }
        self.partial(line, &mut entry);
        entry
    }

    fn partial(&mut self, line: &Line<'_>, entry: &mut Vec<u8>) {
        let slot = &mut self.partial[line.stream as usize];
        if line.whole && slot.is_none() {
            return;
        }
        let partial =
            slot.get_or_insert_with(|| Partial { id: format!("{}-{}", self.epoch, self.ordinal), pieces: 0 });
        partial.pieces += 1;
        field(entry, "CONTAINER_PARTIAL_MESSAGE", b"true");
        field(entry, "CONTAINER_PARTIAL_ID", partial.id.as_bytes());
        field(entry, "CONTAINER_PARTIAL_ORDINAL", partial.pieces.to_string().as_bytes());
        field(entry, "CONTAINER_PARTIAL_LAST", if line.whole { b"true" } else { b"false" });
        if line.whole {
            *slot = None;
        }
    }
}

/// `NAME=value`, or with a length where the value has line ends, which would begin a field of the container's choosing.
fn field(entry: &mut Vec<u8>, name: &str, value: &[u8]) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value);
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::*;

    #[test]
    fn pieces_of_a_line_belong_together() {
        let mut journal = Journal::new(BTreeMap::from([("CONTAINER_ID".into(), "c".into())]), "e".into());
        let at = Moment { ns: 0, rfc3339: "T".into() };
        let mut entry = |stream, whole| {
            String::from_utf8(journal.entry(&Line { stream, text: b"x", whole, at: &at })).unwrap()
        };
        let first = entry(Stream::Stdout, false);
        assert!(
            first.starts_with("MESSAGE=x\nPRIORITY=6\n") && first.contains("CONTAINER_ID=c\n"),
            "{first}"
        );
        assert!(
            first.contains("PARTIAL_ID=e-1\nCONTAINER_PARTIAL_ORDINAL=1\nCONTAINER_PARTIAL_LAST=false\n")
        );
        assert!(!entry(Stream::Stderr, true).contains("PARTIAL"));
        let last = entry(Stream::Stdout, true);
        assert!(last.contains("PARTIAL_ID=e-1\nCONTAINER_PARTIAL_ORDINAL=2\nCONTAINER_PARTIAL_LAST=true\n"));
        assert!(!entry(Stream::Stdout, true).contains("PARTIAL"));
    }

    #[test]
    fn line_ends_in_a_value_begin_no_field() {
        let mut entry = Vec::new();
        field(&mut entry, "A", b"x\nB=y");
        assert_eq!(entry, b"A\n\x05\0\0\0\0\0\0\0x\nB=y\n");
    }
}
