//! `HEALTHCHECK [--interval=30s …] CMD command`, or `HEALTHCHECK NONE`. Pure.

use super::{json, wrong};
use crate::{Healthcheck, Result};

/// Reads the arguments of the instruction.
pub(crate) fn read(rest: &str) -> Result<Healthcheck> {
    let mut check = Healthcheck::default();
    let mut rest = rest;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        let (name, value) =
            flag.split_once('=').ok_or_else(|| wrong(format!("missing a value on flag: {flag}")))?;
        let field = match name {
            "interval" => &mut check.interval,
            "timeout" => &mut check.timeout,
            "start-period" => &mut check.start_period,
            "start-interval" => &mut check.start_interval,
            "retries" => {
                check.retries =
                    value.parse().map_err(|_| wrong(format!("invalid value for retries: {value}")))?;
                rest = after.trim_start();
                continue;
            }
            other => return Err(wrong(format!("unknown flag: {other}"))),
        };
        *field = duration_ns(value).ok_or_else(|| wrong(format!("invalid duration for {name}: {value}")))?;
        rest = after.trim_start();
    }
    let (verb, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    check.test = match verb.to_ascii_uppercase().as_str() {
        "NONE" => vec!["NONE".to_owned()],
        "CMD" if !command.trim().is_empty() => match json(command.trim()) {
            Some(words) => [vec!["CMD".to_owned()], words].concat(),
            None => vec!["CMD-SHELL".to_owned(), command.trim().to_owned()],
        },
        "CMD" => return Err(wrong("missing command after HEALTHCHECK CMD".to_owned())),
        other => return Err(wrong(format!("unknown type {other:?} in HEALTHCHECK (try CMD)"))),
    };
    Ok(check)
}

/// Go's durations: `1m30s`, `1.5h`, `200ms`.
fn duration_ns(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!text.is_empty() && total <= i64::MAX as f64).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let check = read("--interval=1m30s --retries=4 CMD curl -f x").unwrap();
        assert_eq!((check.interval, check.retries), (90_000_000_000, 4));
        assert_eq!(check.test, ["CMD-SHELL", "curl -f x"]);
        assert_eq!(read(r#"CMD ["a"]"#).unwrap().test, ["CMD", "a"]);
        assert_eq!(read("none").unwrap().test, ["NONE"]);
        for bad in ["", "CMD", "--interval=x CMD a", "--what=1 CMD a", "--interval CMD a", "RUN a"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
