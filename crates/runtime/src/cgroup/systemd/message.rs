//! Messages of D-Bus, as far as a caller of systemd needs them. Pure.
//!
//! Little endian; numbers lie at multiples of their size, counted from the message's begin (and from the body's, which begins
//! at a multiple of 8).

/// Larger ones are refused unread: what systemd answers is small.
pub(super) const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// The part of a message that tells how long it is.
pub(super) const FIXED_BYTES: usize = 16;

const LITTLE_ENDIAN: u8 = b'l';
const PROTOCOL: u8 = 1;
const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

const FIELD_PATH: u8 = 1;
const FIELD_INTERFACE: u8 = 2;
const FIELD_MEMBER: u8 = 3;
const FIELD_ERROR: u8 = 4;
const FIELD_REPLY_TO: u8 = 5;
const FIELD_DESTINATION: u8 = 6;
const FIELD_SIGNATURE: u8 = 8;

/// The value of a unit's property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    U64(u64),
    U32s(Vec<u32>),
    Bytes(Vec<u8>),
}

/// A property of a unit.
pub(super) type Property = (&'static str, Value);

/// A body being written.
#[derive(Debug, Default)]
pub(super) struct Body {
    signature: String,
    bytes: Vec<u8>,
}

impl Body {
    pub(super) fn text(mut self, text: &str) -> Body {
        self.signature.push('s');
        put_text(&mut self.bytes, text);
        self
    }

    pub(super) fn bool(mut self, value: bool) -> Body {
        self.signature.push('b');
        put_u32(&mut self.bytes, value.into());
        self
    }

    /// `a(sv)`.
    pub(super) fn properties(mut self, properties: &[Property]) -> Body {
        self.signature.push_str("a(sv)");
        put_array(&mut self.bytes, 8, |bytes| {
            for (name, value) in properties {
                align(bytes, 8);
                put_text(bytes, name);
                put_variant(bytes, value);
            }
        });
        self
    }

    /// `a(sa(sv))`, with nothing in it.
    pub(super) fn no_other_units(mut self) -> Body {
        self.signature.push_str("a(sa(sv))");
        put_array(&mut self.bytes, 8, |_| {});
        self
    }
}

/// A call of systemd's manager.
pub(super) fn call(serial: u32, member: &str, body: &Body) -> Vec<u8> {
    let mut message = vec![LITTLE_ENDIAN, CALL, 0, PROTOCOL];
    put_u32(&mut message, body.bytes.len() as u32);
    put_u32(&mut message, serial);
    put_array(&mut message, 8, |bytes| {
        let mut field = |code: u8, typ: &str, text: &str| {
            align(bytes, 8);
            bytes.push(code);
            put_signature(bytes, typ);
            if typ == "g" { put_signature(bytes, text) } else { put_text(bytes, text) }
        };
        field(FIELD_PATH, "o", "/org/freedesktop/systemd1");
        field(FIELD_INTERFACE, "s", "org.freedesktop.systemd1.Manager");
        field(FIELD_MEMBER, "s", member);
        field(FIELD_DESTINATION, "s", "org.freedesktop.systemd1");
        field(FIELD_SIGNATURE, "g", &body.signature);
    });
    align(&mut message, 8);
    message.extend(&body.bytes);
    message
}

fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn put_u32(bytes: &mut Vec<u8>, value: u32) {
    align(bytes, 4);
    bytes.extend(value.to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_u32(bytes, text.len() as u32);
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn put_signature(bytes: &mut Vec<u8>, signature: &str) {
    bytes.push(signature.len() as u8);
    bytes.extend(signature.as_bytes());
    bytes.push(0);
}

/// The length counts from the first element, after the padding before it.
fn put_array(bytes: &mut Vec<u8>, element_align: usize, fill: impl FnOnce(&mut Vec<u8>)) {
    put_u32(bytes, 0);
    let length_at = bytes.len() - 4;
    align(bytes, element_align);
    let begin = bytes.len();
    fill(bytes);
    let length = (bytes.len() - begin) as u32;
    bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

fn put_variant(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => {
            put_signature(bytes, "s");
            put_text(bytes, text);
        }
        Value::Bool(value) => {
            put_signature(bytes, "b");
            put_u32(bytes, (*value).into());
        }
        Value::U64(value) => {
            put_signature(bytes, "t");
            align(bytes, 8);
            bytes.extend(value.to_le_bytes());
        }
        Value::U32s(values) => {
            put_signature(bytes, "au");
            put_array(bytes, 4, |bytes| values.iter().for_each(|value| put_u32(bytes, *value)));
        }
        Value::Bytes(values) => {
            put_signature(bytes, "ay");
            put_array(bytes, 1, |bytes| bytes.extend(values));
        }
    }
}

/// What has been heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to a call, with the path in it, if it begins with one.
    Return { serial: u32, path: Option<String> },
    /// The refusal of a call.
    Refused { serial: u32, name: String, message: String },
    /// A job is over.
    JobRemoved { path: String, result: String },
    /// Anything else.
    Other,
}

/// How long a message is, from its fixed part; none if it is not one that can be read here.
pub(super) fn length(fixed: &[u8; FIXED_BYTES]) -> Option<usize> {
    if fixed[0] != LITTLE_ENDIAN || fixed[3] != PROTOCOL {
        return None;
    }
    let number =
        |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]) as usize;
    let fields = number(12).checked_next_multiple_of(8)?;
    let length = FIXED_BYTES.checked_add(fields)?.checked_add(number(4))?;
    (length <= MAX_MESSAGE_BYTES).then_some(length)
}

/// Reads a whole message; none if it is broken.
pub(super) fn read(message: &[u8]) -> Option<Heard> {
    let mut reader = Reader { bytes: message, at: 12 };
    let end = reader.u32()? as usize + FIXED_BYTES;
    let (mut reply_to, mut member, mut error, mut signature) =
        (0, String::new(), String::new(), String::new());
    while reader.at < end {
        reader.align(8);
        let code = reader.byte()?;
        let typ = reader.signature()?;
        match typ.as_str() {
            "u" => {
                let value = reader.u32()?;
                if code == FIELD_REPLY_TO {
                    reply_to = value;
                }
            }
            "s" | "o" => {
                let text = reader.text()?;
                match code {
                    FIELD_MEMBER => member = text,
                    FIELD_ERROR => error = text,
                    _ => {}
                }
            }
            "g" => {
                let text = reader.signature()?;
                if code == FIELD_SIGNATURE {
                    signature = text;
                }
            }
            _ => return None,
        }
    }
    reader.align(8);
    Some(match message[1] {
        RETURN => {
            let path = if signature.starts_with('o') { Some(reader.text()?) } else { None };
            Heard::Return { serial: reply_to, path }
        }
        ERROR => {
            let message = if signature.starts_with('s') { reader.text()? } else { String::new() };
            Heard::Refused { serial: reply_to, name: error, message }
        }
        SIGNAL if member == "JobRemoved" && signature == "uoss" => {
            reader.u32()?;
            let path = reader.text()?;
            reader.text()?;
            Heard::JobRemoved { path, result: reader.text()? }
        }
        _ => Heard::Other,
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.align(4);
        self.take(4)?.try_into().map(u32::from_le_bytes).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        self.terminated(length)
    }

    fn signature(&mut self) -> Option<String> {
        let length = self.byte()?.into();
        self.terminated(length)
    }

    fn terminated(&mut self, length: usize) -> Option<String> {
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        (self.byte()? == 0).then_some(text)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A message of systemd's, for a fake of it.
    pub(crate) fn said(typ: u8, fields: &[(u8, &str, &str)], reply_to: Option<u32>, body: &[u8]) -> Vec<u8> {
        let mut message = vec![LITTLE_ENDIAN, typ, 0, PROTOCOL];
        put_u32(&mut message, body.len() as u32);
        put_u32(&mut message, 1);
        put_array(&mut message, 8, |bytes| {
            for (code, typ, text) in fields {
                align(bytes, 8);
                bytes.push(*code);
                put_signature(bytes, typ);
                if *typ == "g" { put_signature(bytes, text) } else { put_text(bytes, text) }
            }
            if let Some(serial) = reply_to {
                align(bytes, 8);
                bytes.push(FIELD_REPLY_TO);
                put_signature(bytes, "u");
                put_u32(bytes, serial);
            }
        });
        align(&mut message, 8);
        message.extend(body);
        message
    }

    pub(crate) fn returned(serial: u32, path: &str) -> Vec<u8> {
        let mut body = Vec::new();
        put_text(&mut body, path);
        said(RETURN, &[(FIELD_SIGNATURE, "g", "o")], Some(serial), &body)
    }

    pub(crate) fn refused(serial: u32, name: &str, words: &str) -> Vec<u8> {
        let mut body = Vec::new();
        put_text(&mut body, words);
        said(ERROR, &[(FIELD_ERROR, "s", name), (FIELD_SIGNATURE, "g", "s")], Some(serial), &body)
    }

    pub(crate) fn job_removed(path: &str, result: &str) -> Vec<u8> {
        let mut body = Vec::new();
        put_u32(&mut body, 7);
        put_text(&mut body, path);
        put_text(&mut body, "x.scope");
        put_text(&mut body, result);
        said(SIGNAL, &[(FIELD_MEMBER, "s", "JobRemoved"), (FIELD_SIGNATURE, "g", "uoss")], None, &body)
    }

    #[test]
    fn a_call_is_as_the_protocol_wants_it() {
        let body = Body::default().text("x.scope").text("replace").properties(&[
            ("Delegate", Value::Bool(true)),
            ("MemoryMax", Value::U64(4096)),
            ("PIDs", Value::U32s(vec![7])),
        ]);
        let message = call(9, "StartTransientUnit", &body.no_other_units());
        assert_eq!(&message[..4], &[b'l', 1, 0, 1]);
        let fixed: [u8; FIXED_BYTES] = message[..FIXED_BYTES].try_into().unwrap();
        assert_eq!(length(&fixed), Some(message.len()));
        assert_eq!(message[8], 9);
        // Read back by the same rules: a call is none of what a caller hears.
        assert_eq!(read(&message), Some(Heard::Other));
        let text = String::from_utf8_lossy(&message).into_owned();
        assert!(text.contains("ssa(sv)a(sa(sv))"), "{text:?}");
    }

    #[test]
    fn numbers_lie_where_they_belong() {
        let body = Body::default().properties(&[("A", Value::U64(5))]);
        // Length of the array, padding to 8, "A", the signature "t", padding to 8, the number.
        assert_eq!(body.bytes.len(), 32);
        assert_eq!(body.bytes[..4], 24_u32.to_le_bytes());
        assert_eq!(body.bytes[24..], 5_u64.to_le_bytes());
    }

    #[test]
    fn answers_refusals_and_signals_are_told_apart() {
        assert_eq!(
            read(&returned(3, "/job/1")),
            Some(Heard::Return { serial: 3, path: Some("/job/1".to_owned()) })
        );
        let refusal = Heard::Refused { serial: 3, name: "no.Such".to_owned(), message: "none".to_owned() };
        assert_eq!(read(&refused(3, "no.Such", "none")), Some(refusal));
        let removed = Heard::JobRemoved { path: "/job/1".to_owned(), result: "done".to_owned() };
        assert_eq!(read(&job_removed("/job/1", "done")), Some(removed));
    }

    #[test]
    fn what_is_broken_is_not_read() {
        let message = returned(3, "/job/1");
        for end in FIXED_BYTES..message.len() {
            assert_eq!(read(&message[..end]), None, "{end}");
        }
        let fixed = |bytes: [u8; 4]| {
            let mut fixed: [u8; FIXED_BYTES] = message[..FIXED_BYTES].try_into().unwrap();
            fixed[4..8].copy_from_slice(&bytes);
            length(&fixed)
        };
        assert_eq!(fixed([255; 4]), None);
    }
}
