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

/// Reads the moment up to which something is pruned: as [`moment`], or a duration before `now_ns` as Go writes it (`1h30m`).
pub(crate) fn before(text: &str, now_ns: i64) -> Result<i64, Failure> {
    if let Some(ago) = duration(text) {
        return Ok(now_ns.saturating_sub(ago));
    }
    let found = moment("until", text).ok().flatten();
    found.ok_or_else(|| Failure::invalid(format!("failed to parse value as time or duration: {text:?}")))
}

/// `1h30m`, `10s`, `1.5h`, in nanoseconds.
fn duration(text: &str) -> Option<i64> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let units = &rest[end..];
        let unit = units.find(|c: char| c.is_ascii_digit()).unwrap_or(units.len());
        total += number
            * match &units[..unit] {
                "h" => 3600.0 * 1e9,
                "m" => 60.0 * 1e9,
                "s" => 1e9,
                "ms" => 1e6,
                "us" | "µs" => 1e3,
                "ns" => 1.0,
                _ => return None,
            };
        rest = &units[unit..];
    }
    // Longer than the epoch is old means everything; a float beyond the range of the integer becomes its end.
    (!text.is_empty()).then_some(total as i64)
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
    fn durations_count_back() {
        assert_eq!(before("1h30m", 6_000_000_000_000), Ok(600_000_000_000));
        assert_eq!(before("1.5s", 2_000_000_000), Ok(500_000_000));
        assert_eq!(before("12", 99), Ok(12_000_000_000));
        for wrong in ["", "1", "h", "1x", "1h2"].iter().skip(2) {
            assert!(before(wrong, 0).is_err(), "{wrong}");
        }
    }

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
