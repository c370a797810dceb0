//! From a passphrase to a key, slowly, so that guessing is slow too.

use std::io;
use std::num::NonZeroU32;

use ring::pbkdf2;

use super::Key;

/// Rounds of PBKDF2 with SHA-256, as OWASP advises.
pub(crate) const ROUNDS: u32 = 600_000;
/// More rounds in a file are an attack on our time.
const MAX_ROUNDS: u32 = 10_000_000;
/// Bytes of the salt.
pub(crate) const SALT_BYTES: usize = 16;

/// The key of this passphrase and salt.
pub(crate) fn derive(passphrase: &str, salt: &[u8; SALT_BYTES], rounds: u32) -> io::Result<Key> {
    let bounded = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= MAX_ROUNDS);
    let rounds = bounded
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the number of rounds is out of range"))?;
    let mut secret = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase.as_bytes(), &mut secret);
    Key::from_secret(secret)
}
