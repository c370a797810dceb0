//! Identifiers of replicated objects: 25 characters of base 36, random.
//!
//! On the wire and in the store an id is a plain string; these newtypes keep a node's id from being passed where a
//! task's is meant.

use std::fmt;
use std::ops::Deref;

use rand::Rng;

/// How many characters an id has: 36^25 is just above 2^129, as in swarmkit.
pub const ID_LEN: usize = 25;

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A fresh random id.
#[must_use]
pub fn random() -> String {
    let mut rng = rand::rng();
    (0..ID_LEN).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}

/// Whether `text` has the form of a whole id (not of a prefix).
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A fresh random id.
            #[must_use]
            pub fn random() -> Self {
                Self(random())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

ids! {
    /// A machine in the cluster; also the common name of its certificate.
    NodeId,
    /// An intent for N runs.
    ServiceId,
    /// One run, never reused.
    TaskId,
    /// A secret or a config.
    FileId,
    /// A network of the swarm.
    NetworkId,
    /// The swarm itself; also the organisation in every certificate it issues.
    ClusterId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_well_formed() {
        let (one, two) = (TaskId::random(), TaskId::random());
        assert_ne!(one, two);
        assert!(is_id(&one) && is_id(&two));
        assert!(!is_id(&one[..24]) && !is_id(&one.to_uppercase().replace(char::is_numeric, "A")));
    }
}
