//! Why a request could not be decoded.

use std::fmt;

use super::value::Path;

/// Why a request could not be decoded. `Display` is the sentence a client gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON at all.
    #[error("invalid JSON: {reason}")]
    Syntax {
        /// Where and why.
        reason: String,
    },
    /// A field does not hold what it should.
    #[error("{}{reason}", Prefix(field))]
    Invalid {
        /// Path of the field; empty for the whole body.
        field: String,
        /// What was found and what would be right.
        reason: String,
    },
    /// A field is set that shoal does not honour yet.
    #[error("{field} is not supported yet: remove it, or set it to its default")]
    Unread {
        /// Path of the field.
        field: String,
    },
}

struct Prefix<'a>(&'a str);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("invalid request: ")
        } else {
            write!(f, "invalid value for {}: ", self.0)
        }
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Invalid { field: String::new(), reason: reason.to_string() }
    }
}

impl DecodeError {
    /// Names the field, unless an inner one has been named.
    pub(super) fn at(self, path: &Path<'_>) -> Self {
        match self {
            Self::Invalid { field, reason } if field.is_empty() => {
                Self::Invalid { field: path.to_string(), reason }
            }
            other => other,
        }
    }
}
