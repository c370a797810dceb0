//! The keys that end an attachment and leave the container running.
//!
//! In: the bytes a user types. Out: the bytes to send on, and whether the whole sequence was typed.

use crate::flag::FlagError;

/// `ctrl-p,ctrl-q`.
const DEFAULT: &[u8] = &[16, 17];

/// A sequence of keys, and how much of it was typed so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DetachKeys {
    keys: Vec<u8>,
    typed: usize,
}

/// What `scan` found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Bytes for the container.
    pub(crate) pass: Vec<u8>,
    /// Whether the user wants out.
    pub(crate) detached: bool,
}

impl Default for DetachKeys {
    fn default() -> Self {
        Self { keys: DEFAULT.to_vec(), typed: 0 }
    }
}

impl DetachKeys {
    /// Reads `ctrl-p,ctrl-q`, `a`, `ctrl-],x`.
    pub(crate) fn parse(input: &str) -> Result<Self, FlagError> {
        let key = |word: &str| {
            let byte = match word.strip_prefix("ctrl-") {
                None => word.as_bytes(),
                Some(letter) => match letter.as_bytes() {
                    [c @ b'a'..=b'z'] => return Some(c - b'a' + 1),
                    [c @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => return Some(c - b'@'),
                    _ => return None,
                },
            };
            if let [byte] = byte { Some(*byte) } else { None }
        };
        let keys: Option<Vec<u8>> = input.split(',').map(key).collect();
        keys.map(|keys| Self { keys, typed: 0 })
            .ok_or_else(|| FlagError::DetachKeys { input: input.to_owned() })
    }

    /// Takes typed bytes. What may be the beginning of the sequence is held back until it is clear.
    pub(crate) fn scan(&mut self, data: &[u8]) -> Scanned {
        let mut pass = Vec::with_capacity(data.len());
        for byte in data {
            if *byte != self.keys[self.typed] {
                pass.extend_from_slice(&self.keys[..self.typed]);
                self.typed = 0;
            }
            if *byte == self.keys[self.typed] {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    return Scanned { pass, detached: true };
                }
            } else {
                pass.push(*byte);
            }
        }
        Scanned { pass, detached: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sequence_may_come_in_pieces() {
        let mut keys = DetachKeys::default();
        assert_eq!(keys.scan(b"ab\x10"), Scanned { pass: b"ab".to_vec(), detached: false });
        assert_eq!(keys.scan(b"c"), Scanned { pass: b"\x10c".to_vec(), detached: false });
        assert_eq!(keys.scan(b"\x10\x10\x11"), Scanned { pass: b"\x10".to_vec(), detached: true });
    }

    #[test]
    fn parses_or_says_why() {
        assert_eq!(DetachKeys::parse("ctrl-p,ctrl-q"), Ok(DetachKeys::default()));
        assert_eq!(DetachKeys::parse("a,ctrl-]").map(|k| k.keys), Ok(vec![b'a', 29]));
        for input in ["", "ctrl-", "ctrl-1", "ab", "a,,b"] {
            assert!(DetachKeys::parse(input).is_err(), "{input}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(data in prop::collection::vec(0u8..16, 0..50), cut in 1usize..9) {
            let mut keys = DetachKeys::default();
            let got: Vec<u8> = data.chunks(cut).flat_map(|piece| keys.scan(piece).pass).collect();
            prop_assert_eq!(got, data);
        }
    }
}
