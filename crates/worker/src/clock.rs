//! The wall clock, for timestamps in statuses only: no decision of the worker depends on it.

/// Nanoseconds since the Unix epoch.
pub(crate) fn now_ns() -> i64 {
    // An i64 of nanoseconds lasts until 2262.
    i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX)
}
