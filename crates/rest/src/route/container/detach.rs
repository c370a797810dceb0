//! The keys with which a client leaves a terminal without ending what runs in it.

use crate::failure::Failure;

/// Control-P, control-Q.
const DEFAULT: [u8; 2] = [0x10, 0x11];
/// Longest sequence that is taken, in keys.
const LENGTH_LIMIT: usize = 16;

/// Looks for a sequence of keys in what a client types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    keys: Vec<u8>,
    matched: usize,
}

impl Keys {
    /// Reads `ctrl-p,ctrl-q`: single characters, or `ctrl-` and a letter or one of `@[\]^_`. Empty is the default.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text.is_empty() {
            return Ok(Self { keys: DEFAULT.to_vec(), matched: 0 });
        }
        let wrong = |key: &str| {
            Failure::invalid(format!("Invalid detach keys ({text}) provided: unknown key {key:?}"))
        };
        let keys: Vec<u8> =
            text.split(',').map(|key| code(key).ok_or_else(|| wrong(key))).collect::<Result<_, _>>()?;
        if keys.len() > LENGTH_LIMIT {
            return Err(Failure::invalid(format!("Invalid detach keys: more than {LENGTH_LIMIT}")));
        }
        Ok(Self { keys, matched: 0 })
    }

    /// The sequence itself.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.keys
    }

    /// Takes what was typed. Returns what goes on to the container, and whether the sequence was completed; keys of a sequence
    /// that may still be completed are held back until it is clear.
    pub(super) fn take(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut on = Vec::with_capacity(typed.len() + self.matched);
        for &byte in typed {
            // A key that breaks the sequence may itself begin it anew.
            while self.matched > 0 && self.keys[self.matched] != byte {
                self.release(&mut on);
            }
            if self.keys[self.matched] == byte {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (on, true);
                }
            } else {
                on.push(byte);
            }
        }
        (on, false)
    }

    /// Lets go of as few held keys as possible, so that the rest is again the beginning of the sequence.
    fn release(&mut self, on: &mut Vec<u8>) {
        let held = &self.keys[..self.matched];
        let keep = (0..self.matched)
            .rev()
            .find(|&keep| held[self.matched - keep..] == self.keys[..keep])
            .unwrap_or(0);
        on.extend_from_slice(&held[..self.matched - keep]);
        self.matched = keep;
    }
}

fn code(key: &str) -> Option<u8> {
    if let [byte] = key.as_bytes() {
        return Some(*byte);
    }
    match key.strip_prefix("ctrl-")?.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        [letter @ b'A'..=b'Z'] => Some(letter - b'A' + 1),
        [b'@'] => Some(0),
        [sign @ (b'[' | b'\\' | b']' | b'^' | b'_')] => Some(sign - b'@'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sequence_ends_the_stream() {
        let mut keys = Keys::parse("").expect("default");
        assert_eq!(keys.take(b"ls\n"), (b"ls\n".to_vec(), false));
        assert_eq!(keys.take(&[0x10]), (vec![], false));
        assert_eq!(keys.take(&[0x11, b'x']), (vec![], true));
    }

    #[test]
    fn a_broken_sequence_goes_on_to_the_container() {
        let mut keys = Keys::parse("a,a,b").expect("keys");
        assert_eq!(keys.take(b"aa"), (vec![], false));
        assert_eq!(keys.take(b"ac"), (b"aaac".to_vec(), false));
        assert_eq!(keys.take(b"aab"), (vec![], true));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert_eq!(Keys::parse("ctrl-[").expect("escape").keys, [0x1b]);
        for wrong in ["ctrl-1", "enter", ",", "ctrl-"] {
            assert!(Keys::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_without_the_sequence(parts in prop::collection::vec(prop::collection::vec(b'a'..=b'c', 0..5), 0..8)) {
            let mut keys = Keys::parse("a,b,a,d").expect("keys");
            let mut on = Vec::new();
            for part in &parts {
                let (passed, ended) = keys.take(part);
                prop_assert!(!ended);
                on.extend(passed);
            }
            keys.release(&mut on);
            while keys.matched > 0 { keys.release(&mut on); }
            prop_assert_eq!(on, parts.concat());
        }
    }
}
