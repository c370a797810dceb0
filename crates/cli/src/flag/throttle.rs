//! `path:amount` for one device: a weight, bytes per second, operations per second.

use super::{FlagError, size};

/// The weights that the kernel takes; 0 leaves it alone.
const WEIGHTS: std::ops::RangeInclusive<u64> = 10..=1000;

/// A device of the host and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttle {
    pub(crate) path: String,
    pub(crate) amount: u64,
}

/// `--blkio-weight-device`.
pub(crate) fn weight(input: &str) -> Result<Throttle, FlagError> {
    let throttle =
        split(input, |amount| amount.parse().ok(), "/dev/path:weight with a weight of 10 to 1000")?;
    match throttle.amount {
        0 => Ok(throttle),
        weight if WEIGHTS.contains(&weight) => Ok(throttle),
        _ => Err(FlagError::Throttle { input: input.to_owned(), expected: "a weight of 10 to 1000, or 0" }),
    }
}

/// `--device-read-bps`, `--device-write-bps`.
pub(crate) fn bytes(input: &str) -> Result<Throttle, FlagError> {
    let parse = |amount: &str| size::parse(amount).ok().and_then(|bytes| u64::try_from(bytes).ok());
    split(input, parse, "/dev/path:rate[kb|mb|gb], such as /dev/sda:1mb,")
}

/// `--device-read-iops`, `--device-write-iops`.
pub(crate) fn operations(input: &str) -> Result<Throttle, FlagError> {
    split(input, |amount| amount.parse().ok(), "/dev/path:number, such as /dev/sda:1000,")
}

fn split(
    input: &str,
    amount: impl Fn(&str) -> Option<u64>,
    expected: &'static str,
) -> Result<Throttle, FlagError> {
    let parts = input.rsplit_once(':').filter(|(path, _)| path.starts_with("/dev/"));
    parts
        .and_then(|(path, text)| Some(Throttle { path: path.to_owned(), amount: amount(text)? }))
        .ok_or_else(|| FlagError::Throttle { input: input.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let throttle = |amount| Throttle { path: "/dev/sda".to_owned(), amount };
        assert_eq!(weight("/dev/sda:500"), Ok(throttle(500)));
        assert_eq!(bytes("/dev/sda:1mb"), Ok(throttle(1 << 20)));
        assert_eq!(operations("/dev/sda:7"), Ok(throttle(7)));
        for (parse, input) in [
            (weight as fn(&str) -> _, "/dev/sda:9"),
            (weight, "/dev/sda:1001"),
            (weight, "sda:100"),
            (bytes, "/dev/sda"),
            (bytes, "/dev/sda:fast"),
            (bytes, "/dev/sda:-1"),
            (operations, "/dev/sda:1k"),
        ] {
            assert!(parse(input).is_err(), "{input}");
        }
    }
}
