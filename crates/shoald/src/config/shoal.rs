//! Settings that dockerd has not: the object `shoal` of the configuration file.

use std::time::Duration;

use image::{CollectPolicy, MinFree};
use serde::Deserialize;

use super::error::ConfigError;

/// What only shoal has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct Shoal {
    pub(crate) gc: Collect,
}

/// When images go by themselves; see `docs/images.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct Collect {
    enabled: bool,
    /// A size such as `50GB`; empty: no limit.
    max_size: String,
    /// A size, or a share such as `10%`; empty: the default, which is the smaller of both.
    min_free: String,
    /// A number of seconds.
    min_age: Option<u64>,
}

impl Default for Collect {
    fn default() -> Self {
        Self { enabled: true, max_size: String::new(), min_free: String::new(), min_age: None }
    }
}

impl Collect {
    /// What the images are opened with.
    ///
    /// # Errors
    /// If a value is no size.
    pub(crate) fn policy(&self) -> Result<CollectPolicy, ConfigError> {
        let default = CollectPolicy::default();
        let max_bytes = match self.max_size.as_str() {
            "" => None,
            text => Some(size(text).ok_or_else(|| wrong("shoal.gc.max-size", text, "a size, such as 50GB"))?),
        };
        let min_free = match self.min_free.as_str() {
            "" => default.min_free,
            text => share(text)
                .map(|percent| MinFree { percent, bytes: u64::MAX })
                .or_else(|| size(text).map(|bytes| MinFree { percent: 100, bytes }))
                .ok_or_else(|| {
                    wrong("shoal.gc.min-free", text, "a size such as 10GB, or a share such as 10%")
                })?,
        };
        let min_age = self.min_age.map_or(default.min_age, Duration::from_secs);
        Ok(CollectPolicy { enabled: self.enabled, max_bytes, min_free, min_age })
    }
}

fn wrong(key: &'static str, value: &str, expected: &'static str) -> ConfigError {
    ConfigError::Value { key, value: format!("{value:?}"), expected }
}

fn share(text: &str) -> Option<u8> {
    text.trim().strip_suffix('%')?.trim().parse().ok().filter(|percent| *percent <= 100)
}

/// `50GB`, `500m`, `1024`: units of 1000, as `system df` writes them.
fn size(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &lower[digits.len()..] {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Result<CollectPolicy, String> {
        let shoal: Shoal = serde_json::from_str(json).map_err(|error| error.to_string())?;
        shoal.gc.policy().map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_is_on_and_conservative() {
        assert_eq!(policy("{}"), Ok(CollectPolicy::default()));
        assert_eq!(policy(r#"{"gc":{"enabled":false}}"#).map(|policy| policy.enabled), Ok(false));
    }

    #[test]
    fn sizes_and_shares() {
        let got = policy(r#"{"gc":{"max-size":"50GB","min-free":"20%","min-age":0}}"#).unwrap();
        assert_eq!((got.max_bytes, got.min_free.percent), (Some(50_000_000_000), 20));
        assert_eq!(got.min_age, Duration::ZERO);
        let got = policy(r#"{"gc":{"min-free":"5 gb"}}"#).unwrap();
        assert_eq!(got.min_free, MinFree { percent: 100, bytes: 5_000_000_000 });
        for bad in [r#"{"gc":{"max-size":"much"}}"#, r#"{"gc":{"min-free":"101%"}}"#, r#"{"gc":{"size":1}}"#]
        {
            assert!(policy(bad).is_err(), "{bad}");
        }
    }
}
