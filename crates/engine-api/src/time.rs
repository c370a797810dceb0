//! Points in time as the API writes them.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the API writes for "never": the zero time of its first clients.
const ZERO: &str = "0001-01-01T00:00:00Z";

/// A point in time: nanoseconds since the Unix epoch, or never. Written as RFC 3339 with nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(Option<i64>);

impl Timestamp {
    /// No time: `0001-01-01T00:00:00Z`.
    pub const NEVER: Self = Self(None);

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_ns(ns: i64) -> Self {
        Self(Some(ns))
    }

    /// Like [`Timestamp::from_ns`], where zero stands for never.
    #[must_use]
    pub const fn from_ns_or_never(ns: i64) -> Self {
        if ns == 0 { Self::NEVER } else { Self(Some(ns)) }
    }

    /// Nanoseconds since the Unix epoch, if there is a time.
    #[must_use]
    pub const fn ns(self) -> Option<i64> {
        self.0
    }

    /// Whether there is no time.
    #[must_use]
    pub const fn is_never(&self) -> bool {
        self.0.is_none()
    }

    /// Reads RFC 3339; the zero time and an empty string are never.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text == ZERO {
            return Some(Self::NEVER);
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(time.unix_timestamp_nanos()).ok().map(Self::from_ns)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ns) = self.0 else {
            return f.write_str(ZERO);
        };
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns))
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or(ZERO))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as RFC 3339")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).ok_or_else(|| E::custom(format!("{text:?} is not a time as RFC 3339")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn never_is_the_zero_time() {
        assert_eq!(Timestamp::NEVER.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp::parse("0001-01-01T00:00:00Z"), Some(Timestamp::NEVER));
        assert_eq!(Timestamp::from_ns(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ns in any::<i64>()) {
            let time = Timestamp::from_ns(ns);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
    }
}
