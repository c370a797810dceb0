//! Bytes of a program to a JSON string, written by hand since it is the hottest loop of the shim. Pure.

/// Appends `bytes` as the inside of a JSON string, escaped as Docker's json-file does: what is not UTF-8
/// becomes U+FFFD, and markup characters and the two Unicode line ends are escaped, so that a line may be pasted anywhere.
pub(crate) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => escape_text(text.as_bytes(), out),
        Err(_) => {
            for chunk in bytes.utf8_chunks() {
                escape_text(chunk.valid().as_bytes(), out);
                for _ in chunk.invalid() {
                    out.extend_from_slice(b"\\ufffd");
                }
            }
        }
    }
}

/// True for bytes that can not be copied as they are. 0xE2 begins the two line ends, among others.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'&' as usize] = true;
    table[0xe2] = true;
    table
};

const HEX: &[u8; 16] = b"0123456789abcdef";

fn escape_text(text: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        if !SPECIAL[byte as usize] {
            at += 1;
            continue;
        }
        let mut length = 1;
        let mut coded = *b"\\u0000";
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0xe2 => {
                length = 3;
                match text.get(at + 1..at + 3) {
                    Some([0x80, 0xa8]) => b"\\u2028",
                    Some([0x80, 0xa9]) => b"\\u2029",
                    _ => {
                        at += 1;
                        continue;
                    }
                }
            }
            other => {
                coded[4] = HEX[(other >> 4) as usize];
                coded[5] = HEX[(other & 15) as usize];
                &coded
            }
        };
        out.extend_from_slice(&text[start..at]);
        out.extend_from_slice(escaped);
        at += length;
        start = at;
    }
    out.extend_from_slice(&text[start..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn special_characters_are_escaped_as_docker_does() {
        assert_eq!(escaped(b"a\"b\\c\td\r\n"), r#"a\"b\\c\td\r\n"#);
        assert_eq!(escaped(b"<&>\x1b[0m"), r"\u003c\u0026\u003e\u001b[0m");
        assert_eq!(escaped("\u{2028}é\u{2020}".as_bytes()), "\\u2028é\u{2020}");
        assert_eq!(escaped(b"a\xff\xe2\x80"), r"a\ufffd\ufffd\ufffd");
    }

    proptest! {
        #[test]
        fn a_json_reader_gets_the_text_back(text in "\\PC*|(.|\n){0,64}") {
            let json = format!("\"{}\"", escaped(text.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn any_bytes_give_valid_json(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let json = format!("\"{}\"", escaped(&bytes));
            prop_assert!(serde_json::from_str::<String>(&json).is_ok());
        }
    }
}
