//! Memory sizes: 1024-based, `b`, `k`, `m`, `g`, `t`, `p`, with optional `b` or `ib` after the unit.

use super::FlagError;

/// Bytes from `512m`, `1.5g`, `100`, `64KiB`.
pub(crate) fn parse(input: &str) -> Result<i64, FlagError> {
    let bad = || FlagError::Size { input: input.to_owned() };
    let digits = input.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(input.len());
    let number: f64 = input[..digits].parse().map_err(|_| bad())?;
    let unit = input[digits..].trim_start_matches(' ').to_ascii_lowercase();
    let letter = unit.trim_end_matches('b').trim_end_matches('i');
    let power = match (letter, unit.as_str()) {
        ("", "" | "b") => 0,
        ("k", "k" | "kb" | "ki" | "kib") => 1,
        ("m", "m" | "mb" | "mi" | "mib") => 2,
        ("g", "g" | "gb" | "gi" | "gib") => 3,
        ("t", "t" | "tb" | "ti" | "tib") => 4,
        ("p", "p" | "pb" | "pi" | "pib") => 5,
        _ => return Err(bad()),
    };
    let bytes = number * 1024f64.powi(power);
    if bytes >= i64::MAX as f64 { Err(bad()) } else { Ok(bytes as i64) }
}

/// As `parse`, but `-1` (no limit) is a value too.
pub(crate) fn parse_or_unlimited(input: &str) -> Result<i64, FlagError> {
    if input == "-1" { Ok(-1) } else { parse(input) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_are_1024() {
        let table = [
            ("0", 0),
            ("100", 100),
            ("100b", 100),
            ("4k", 4096),
            ("4kb", 4096),
            ("4KiB", 4096),
            ("1.5g", 3 << 29),
            ("2 M", 2 << 20),
        ];
        for (input, want) in table {
            assert_eq!(parse(input), Ok(want), "{input}");
        }
        for input in ["", "x", "10x", "-1", "1kk", "1bb", "1.2.3m", "m", "99999999999p", "1 0"] {
            assert_eq!(parse(input), Err(FlagError::Size { input: input.to_owned() }), "{input}");
        }
        assert_eq!(parse_or_unlimited("-1"), Ok(-1));
    }

    proptest! {
        #[test]
        fn whole_numbers_are_exact(n in 0i64..1 << 20) {
            prop_assert_eq!(parse(&format!("{n}k")), Ok(n * 1024));
            prop_assert_eq!(parse(&n.to_string()), Ok(n));
        }
    }
}
