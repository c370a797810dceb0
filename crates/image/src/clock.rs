//! The time of day, for what images and tags record. Nothing here decides by it.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

/// RFC 3339 with nanoseconds, in UTC.
pub(crate) fn now_rfc3339() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}
