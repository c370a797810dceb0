//! The values of log options: sizes, booleans, numbers. Pure.

use crate::spec::LogInvalid;

/// More rotated files than this are nobody's wish, and listing them would take time.
const FILES_MAX: u32 = 1000;

/// `10m`, `512k`, `1.5g`, `100`, `-1` (never rotated, given as 0); units of a thousand, as Docker has them here.
pub(super) fn size(key: &'static str, text: &str) -> Result<u64, LogInvalid> {
    if text == "-1" {
        return Ok(0);
    }
    match bytes(text, 1000).ok_or_else(|| LogInvalid::Size { key, value: text.to_owned() })? {
        0 => Err(LogInvalid::NotPositive(key)),
        size => Ok(size),
    }
}

/// `4m`; units of 1024, as Docker has them for memory.
pub(super) fn memory(key: &'static str, text: &str) -> Result<u64, LogInvalid> {
    bytes(text, 1024).ok_or_else(|| LogInvalid::Size { key, value: text.to_owned() })
}

/// A number of files.
pub(super) fn files(key: &'static str, text: &str) -> Result<u32, LogInvalid> {
    let files = text.parse().ok().filter(|files| (1..=FILES_MAX).contains(files));
    files.ok_or_else(|| LogInvalid::Files { key, value: text.to_owned(), max: FILES_MAX })
}

/// Go's words for yes and no.
pub(super) fn boolean(key: &'static str, text: &str) -> Result<bool, LogInvalid> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(LogInvalid::Bool { key, value: text.to_owned() }),
    }
}

fn bytes(text: &str, thousand: u64) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let number = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &lower[number.len()..] {
        "" | "b" => 1,
        "k" | "kb" | "kib" => thousand,
        "m" | "mb" | "mib" => thousand.pow(2),
        "g" | "gb" | "gib" => thousand.pow(3),
        "t" | "tb" | "tib" => thousand.pow(4),
        _ => return None,
    };
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let scale = 10_u64.pow(fraction.len() as u32);
    let part = u128::from(fraction.parse::<u64>().unwrap_or(0)) * u128::from(unit) / u128::from(scale);
    whole.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_and_memory_is_not() {
        for (text, expected) in
            [("10m", 10_000_000), ("1.5k", 1500), ("100", 100), ("2GB", 2_000_000_000), ("-1", 0)]
        {
            assert_eq!(size("max-size", text), Ok(expected), "{text}");
        }
        assert_eq!(memory("max-buffer-size", "4m"), Ok(4 << 20));
        for wrong in ["", "m", "big", "-2", "1.2.3", "1x", "99999999999999999999g", "0", "0m"] {
            assert!(size("max-size", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_and_booleans() {
        assert_eq!(files("max-file", "3"), Ok(3));
        for wrong in ["0", "-1", "many", "1001"] {
            assert!(files("max-file", wrong).is_err(), "{wrong}");
        }
        assert_eq!((boolean("compress", "true"), boolean("compress", "0")), (Ok(true), Ok(false)));
        assert!(boolean("compress", "yes").is_err());
    }
}
