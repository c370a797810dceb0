//! Join tokens: `SWMTKN-1-<digest of the root certificate>-<secret>`.
//!
//! Whoever holds one can tell the right swarm from an impostor (by the digest) and may become a node of it (by the secret).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::id;

/// Digits of a 256-bit number in base 36.
const DIGEST_LEN: usize = 50;
const PREFIX: &str = "SWMTKN";
const FORM: &str = "1";

/// The sha256 of a root certificate's DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootDigest([u8; 32]);

/// A join token, whole and well-formed. Its secret is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    digest: String,
    secret: String,
}

/// The text is no join token (the words of swarmkit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("invalid join token")]
pub struct InvalidToken;

/// The text is a join token, but none that the swarm knows, or knows any more (the words of swarmkit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("A valid join token is necessary to join this cluster")]
pub struct UnknownToken;

impl RootDigest {
    /// The digest of this certificate.
    #[must_use]
    pub fn of(certificate_der: &[u8]) -> Self {
        Self(Sha256::digest(certificate_der).into())
    }

    /// As the cluster object has it.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// As a join token has it: 50 digits of base 36.
    #[must_use]
    pub fn base36(&self) -> String {
        let mut number = self.0;
        let mut digits = [0u8; DIGEST_LEN];
        for digit in digits.iter_mut().rev() {
            *digit = divide_by_36(&mut number);
        }
        digits.iter().filter_map(|digit| char::from_digit(u32::from(*digit), 36)).collect()
    }
}

/// Divides a big-endian number in place and returns the remainder.
fn divide_by_36(number: &mut [u8; 32]) -> u8 {
    let mut remainder = 0u16;
    for byte in number {
        let value = remainder * 256 + u16::from(*byte);
        *byte = u8::try_from(value / 36).unwrap_or(u8::MAX);
        remainder = value % 36;
    }
    u8::try_from(remainder).unwrap_or(u8::MAX)
}

impl JoinToken {
    /// A token for this root with a fresh secret.
    #[must_use]
    pub fn generate(root: &RootDigest) -> Self {
        Self { digest: root.base36(), secret: id::random() }
    }

    /// Whether this token names that root.
    #[must_use]
    pub fn names(&self, root: &RootDigest) -> bool {
        self.digest == root.base36()
    }

    /// The digest as the token has it, for a message.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether the tokens are equal, in a time that does not tell where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let (ours, theirs) = (Sha256::digest(self.to_string()), Sha256::digest(other.to_string()));
        ours.iter().zip(theirs.iter()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}

impl FromStr for JoinToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let parts: Vec<&str> = text.split('-').collect();
        let [prefix, form, digest, secret] = parts[..] else { return Err(InvalidToken) };
        let base36 = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
        if prefix != PREFIX
            || form != FORM
            || digest.len() != DIGEST_LEN
            || !base36(digest)
            || !id::is_id(secret)
        {
            return Err(InvalidToken);
        }
        Ok(Self { digest: digest.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}-{FORM}-{}-{}", self.digest, self.secret)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}-{FORM}-{}-…", self.digest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_reads_back_and_names_its_root() {
        let root = RootDigest::of(b"certificate");
        let token = JoinToken::generate(&root);
        let read: JoinToken = token.to_string().parse().expect("own token");
        assert!(read.matches(&token) && read.names(&root) && !read.names(&RootDigest::of(b"other")));
        assert!(!JoinToken::generate(&root).matches(&token));
    }

    #[test]
    fn base_36_of_the_greatest_number() {
        // 2^256 - 1, as other implementations of big numbers write it.
        assert_eq!(RootDigest([255; 32]).base36(), "6dp5qcb22im238nr3wvp0ic7q99w035jmy2iw7i6n43d37jtof");
        assert_eq!(RootDigest([0; 32]).base36(), "0".repeat(50));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,120}") {
            let _ = text.parse::<JoinToken>();
        }
    }
}
