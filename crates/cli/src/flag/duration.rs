//! Spans of time as Go writes them: `300ms`, `1m30s`, `1.5h`.

use super::FlagError;

const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// Nanoseconds.
pub(crate) fn parse(input: &str) -> Result<i64, FlagError> {
    let bad = || FlagError::Duration { input: input.to_owned() };
    let (sign, mut rest) = match input.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, input.strip_prefix('+').unwrap_or(input)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let factor = UNITS.iter().find(|(name, _)| *name == &unit[..end]).ok_or_else(bad)?.1;
        nanos += number * factor;
        rest = &unit[end..];
    }
    if nanos >= i64::MAX as f64 { Err(bad()) } else { Ok((sign * nanos).round() as i64) }
}

/// As `parse`, but refuses what is below zero.
pub(crate) fn parse_positive(input: &str) -> Result<i64, FlagError> {
    parse(input).and_then(|nanos| {
        if nanos < 0 { Err(FlagError::Duration { input: input.to_owned() }) } else { Ok(nanos) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn like_go() {
        let table = [
            ("0", 0),
            ("5s", 5_000_000_000),
            ("1m30s", 90_000_000_000),
            ("300ms", 300_000_000),
            ("1.5h", 5_400_000_000_000),
            ("-1s", -1_000_000_000),
        ];
        for (input, want) in table {
            assert_eq!(parse(input), Ok(want), "{input}");
        }
        for input in ["", "x", "5", "s", "5x", "1m30", "-", "1e9h", "99999999h"] {
            assert!(parse(input).is_err(), "{input}");
        }
        assert!(parse_positive("-1s").is_err());
    }

    proptest! {
        #[test]
        fn reads_what_we_print(nanos in 0i64..10_000_000_000_000) {
            let millis = nanos / 1_000_000 * 1_000_000;
            prop_assert_eq!(parse(&crate::format::unit::go_duration(millis)), Ok(millis));
        }
    }
}
