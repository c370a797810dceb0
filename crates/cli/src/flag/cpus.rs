//! Numbers of CPUs as the API counts them: in billionths.

use super::FlagError;

/// Digits of a billionth.
const PLACES: usize = 9;

/// Billionths of a CPU from `1.5`.
pub(crate) fn parse(input: &str) -> Result<i64, FlagError> {
    let bad = || FlagError::Cpus { input: input.to_owned() };
    let (whole, fraction) = input.split_once('.').unwrap_or((input, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || !digits(whole)
        || !digits(fraction)
        || fraction.len() > PLACES
    {
        return Err(bad());
    }
    format!("{whole}{fraction:0<PLACES$}").parse().map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn billionths() {
        for (input, want) in
            [("1", 1_000_000_000), ("0.5", 500_000_000), (".25", 250_000_000), ("2.000000001", 2_000_000_001)]
        {
            assert_eq!(parse(input), Ok(want));
        }
        for input in ["", ".", "x", "-1", "1.0000000001", "1.5.5", "99999999999999"] {
            assert!(parse(input).is_err(), "{input}");
        }
    }
}
