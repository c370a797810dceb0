//! One secret key, and how it seals a record.

use std::fmt;
use std::io;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// AES-256-GCM under one key. The nonces are random: a key is replaced long before two of them could be expected to be equal
/// (see [`super::Keyring`]).
pub(crate) struct Key {
    secret: [u8; KEY_BYTES],
    sealing: LessSafeKey,
}

/// What was to be opened was not sealed with this key, or not in this place, or has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it was changed after it was written, or belongs elsewhere")]
pub(crate) struct Forged;

impl From<Forged> for io::Error {
    fn from(forged: Forged) -> Self {
        Self::new(io::ErrorKind::InvalidData, forged)
    }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(bytes)
}

impl Key {
    pub(crate) fn generate() -> io::Result<Self> {
        Self::from_secret(random()?)
    }

    pub(crate) fn from_secret(secret: [u8; KEY_BYTES]) -> io::Result<Self> {
        let unbound = UnboundKey::new(&AES_256_GCM, &secret);
        let unbound = unbound.map_err(|_| io::Error::other("a key of the wrong length"))?;
        Ok(Self { secret, sealing: LessSafeKey::new(unbound) })
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Seals a record that belongs where `context` says: the nonce, then the encrypted bytes, then their tag.
    pub(crate) fn seal(&self, context: &[u8], plain: &[u8]) -> io::Result<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self.sealing.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut sealed[NONCE_LEN..],
        );
        // It fails only for what no memory could hold.
        let tag = tag.map_err(|_| io::Error::other("a record that is too long to be sealed"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made in the same context.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Forged> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Forged)?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.sealing.open_in_place(nonce, Aad::from(context), &mut bytes);
        let length = plain.map_err(|_| Forged)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn opens_only_what_it_sealed_where_it_sealed_it(
            plain in prop::collection::vec(any::<u8>(), 0..200),
            place in 0usize..1000,
            bit in 0u8..8,
        ) {
            let key = Key::generate().expect("randomness");
            let sealed = key.seal(b"here", &plain).expect("seals");
            prop_assert_eq!(key.open(b"here", &sealed), Ok(plain));
            prop_assert_eq!(key.open(b"there", &sealed), Err(Forged));
            prop_assert_eq!(Key::generate().expect("randomness").open(b"here", &sealed), Err(Forged));
            let mut changed = sealed.clone();
            let place = place % changed.len();
            changed[place] ^= 1 << bit;
            prop_assert_eq!(key.open(b"here", &changed), Err(Forged));
            prop_assert_eq!(key.open(b"here", &sealed[..place]), Err(Forged));
        }
    }
}
