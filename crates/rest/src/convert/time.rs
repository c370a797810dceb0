//! Points in time as parameters write them.

use engine_api::Timestamp;

use crate::failure::Failure;

const SECOND_NS: i64 = 1_000_000_000;

/// Reads a moment: seconds since the epoch with a fraction, or RFC 3339, as nanoseconds. Empty and zero are none.
pub(crate) fn moment(name: &str, text: &str) -> Result<Option<i64>, Failure> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let found = seconds(text).or_else(|| Timestamp::parse(text).and_then(Timestamp::ns));
    match found {
        Some(ns) => Ok(Some(ns)),
        None => Err(Failure::invalid(format!(
            "invalid value for {name}: {text:?} is neither seconds since the epoch nor a time as RFC 3339"
        ))),
    }
}

fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > 9
        || !digits(fraction)
        || whole.is_empty()
        || !digits(whole.strip_prefix('-').unwrap_or(whole))
    {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    whole.checked_mul(SECOND_NS)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_fractions_and_dates() {
        assert_eq!(moment("since", ""), Ok(None));
        assert_eq!(moment("since", "0"), Ok(None));
        assert_eq!(moment("since", "12"), Ok(Some(12_000_000_000)));
        assert_eq!(moment("since", "12.5"), Ok(Some(12_500_000_000)));
        assert_eq!(moment("since", "12.000000001"), Ok(Some(12_000_000_001)));
        assert_eq!(moment("since", "1970-01-01T00:00:01Z"), Ok(Some(1_000_000_000)));
        for wrong in ["soon", "1.2.3", "1.1234567890", "-", "99999999999999999999"] {
            assert!(moment("since", wrong).is_err(), "{wrong}");
        }
    }
}
