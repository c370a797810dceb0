//! Moments of `--since` and `--until`: a date, seconds since 1970, or a span before now.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{FlagError, duration};

/// The API's form: seconds, a point, nanoseconds.
pub(crate) fn parse(input: &str) -> Result<String, FlagError> {
    at(input, OffsetDateTime::now_utc())
}

fn at(input: &str, now: OffsetDateTime) -> Result<String, FlagError> {
    let bad = || FlagError::Moment { input: input.to_owned() };
    if let Ok(nanos) = duration::parse(input) {
        return Ok(stamp(now - time::Duration::nanoseconds(nanos)));
    }
    let seconds = !input.is_empty()
        && input.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if seconds && input.matches('.').count() <= 1 {
        return Ok(input.to_owned());
    }
    date(input).map(stamp).ok_or_else(bad)
}

fn stamp(moment: OffsetDateTime) -> String {
    format!("{}.{:09}", moment.unix_timestamp(), moment.nanosecond())
}

/// RFC 3339, of which the zone, the time or its later parts may be missing; without a zone it is UTC.
fn date(input: &str) -> Option<OffsetDateTime> {
    let missing = match input.len() {
        10 => "T00:00:00Z",
        13 => ":00:00Z",
        16 => ":00Z",
        _ if !input.get(10..)?.contains(['Z', '+', '-']) => "Z",
        _ => "",
    };
    OffsetDateTime::parse(&format!("{input}{missing}"), &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms() {
        let now = OffsetDateTime::from_unix_timestamp(1_000_000).unwrap();
        let table = [
            ("10m", "999400.000000000"),
            ("0", "1000000.000000000"),
            ("1700000000", "1700000000"),
            ("1700000000.5", "1700000000.5"),
            ("1970-01-02", "86400.000000000"),
            ("1970-01-02T01:00", "90000.000000000"),
            ("1970-01-02T01:00:00", "90000.000000000"),
            ("1970-01-02T00:00:00+01:00", "82800.000000000"),
            ("1970-01-01T00:00:01.25Z", "1.250000000"),
        ];
        for (input, want) in table {
            assert_eq!(at(input, now).as_deref(), Ok(want), "{input}");
        }
        for input in ["", "foo", "1.2.3", "1970-13-01", "."] {
            assert!(at(input, now).is_err(), "{input}");
        }
    }
}
