//! The key that unlocks a manager: shown to people as `SWMKEY-1-…`, as swarmkit writes it.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use thiserror::Error;

use super::key::{KEY_BYTES, Key, random};

const PREFIX: &str = "SWMKEY-1-";

/// The key under which a manager's other keys are sealed when the swarm locks its managers. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct UnlockKey([u8; KEY_BYTES]);

/// The text is no unlock key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid user-supplied key: not an unlock key of the form SWMKEY-1-…")]
pub struct InvalidUnlockKey;

impl UnlockKey {
    /// A fresh key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> io::Result<Self> {
        random().map(Self)
    }

    /// The key as the cluster object has it; none when that has none, or nonsense.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As the cluster object has it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    pub(super) fn key(&self) -> io::Result<Key> {
        Key::from_secret(self.0)
    }
}

impl FromStr for UnlockKey {
    type Err = InvalidUnlockKey;

    fn from_str(text: &str) -> Result<Self, InvalidUnlockKey> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(InvalidUnlockKey)?;
        let bytes = BASE64_STANDARD_NO_PAD.decode(digits).map_err(|_| InvalidUnlockKey)?;
        Self::from_bytes(&bytes).ok_or(InvalidUnlockKey)
    }
}

impl fmt::Display for UnlockKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{}", BASE64_STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for UnlockKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("UnlockKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_back_what_people_are_shown() {
        let key = UnlockKey::generate().expect("randomness");
        let shown = key.to_string();
        assert_eq!((shown.len(), shown.parse()), (52, Ok(key)));
        assert_eq!("SWMKEY-2-AAAA".parse::<UnlockKey>(), Err(InvalidUnlockKey));
        assert_eq!(shown[..51].parse::<UnlockKey>(), Err(InvalidUnlockKey));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(SWMKEY-1-)?.{0,80}") {
            let _ = text.parse::<UnlockKey>();
        }
    }
}
