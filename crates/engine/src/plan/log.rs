//! `LogConfig`: where the shim keeps the output.

use crate::spec::{Config, Invalid, LogConfig};
use shim::{LogDriver, LogSpec};
use std::collections::BTreeMap;
use std::path::Path;

/// The container's driver and options, else the daemon's; rotated and capped unless somebody says otherwise.
pub(super) fn plan(
    own: &LogConfig,
    default: &LogConfig,
    config: &Config,
    file: &Path,
) -> Result<LogSpec, Invalid> {
    // The daemon's options belong to the daemon's driver.
    let (driver, options) = match own.driver.as_str() {
        "" if own.options.is_empty() => (default.driver.as_str(), &default.options),
        "" => (default.driver.as_str(), &own.options),
        named => (named, &own.options),
    };
    let mut spec = LogSpec {
        driver: LogDriver::JsonFile,
        path: file.to_owned(),
        max_size_bytes: LogSpec::DEFAULT_MAX_SIZE_BYTES,
        max_files: LogSpec::DEFAULT_MAX_FILES,
        attrs: BTreeMap::new(),
    };
    match driver {
        "" | "json-file" => {}
        "none" => spec.driver = LogDriver::None,
        other => return Err(Invalid::LogDriver(other.to_owned())),
    }
    for (key, value) in options {
        let wrong =
            || Invalid::LogOption { driver: driver.to_owned(), key: key.clone(), value: value.clone() };
        match key.as_str() {
            "max-size" => spec.max_size_bytes = size(value).ok_or_else(wrong)?,
            "max-file" => spec.max_files = value.parse().ok().filter(|files| *files > 0).ok_or_else(wrong)?,
            "labels" => pick(value, |name| config.labels.get(name).cloned(), &mut spec.attrs),
            "env" => pick(value, |name| variable(&config.env, name), &mut spec.attrs),
            // What the container's API answers look like does not depend on these.
            "mode" | "max-buffer-size" | "compress" | "tag" => {}
            _ => return Err(wrong()),
        }
    }
    Ok(spec)
}

fn pick(names: &str, value: impl Fn(&str) -> Option<String>, attrs: &mut BTreeMap<String, String>) {
    for name in names.split(',') {
        if let Some(value) = value(name) {
            attrs.insert(name.to_owned(), value);
        }
    }
}

fn variable(env: &[String], name: &str) -> Option<String> {
    env.iter().find_map(|entry| {
        entry.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    })
}

/// `10m`, `512k`, `1g`, `100`, `-1` (never rotated): Docker's units are of 1024.
fn size(text: &str) -> Option<u64> {
    if text == "-1" {
        return Some(0);
    }
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let lower = lower.strip_suffix('i').unwrap_or(lower);
    let (digits, unit) = match lower.chars().last()? {
        'k' => (&lower[..lower.len() - 1], 1 << 10),
        'm' => (&lower[..lower.len() - 1], 1 << 20),
        'g' => (&lower[..lower.len() - 1], 1 << 30),
        _ => (lower, 1u64),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(driver: &str, options: &[(&str, &str)]) -> Result<LogSpec, Invalid> {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let own = LogConfig { driver: driver.into(), options };
        plan(&own, &LogConfig::default(), &Config::default(), Path::new("/l"))
    }

    #[test]
    fn capped_by_default_and_as_told() {
        assert_eq!(plan_of("", &[]).unwrap().max_size_bytes, LogSpec::DEFAULT_MAX_SIZE_BYTES);
        let spec = plan_of("json-file", &[("max-size", "1m"), ("max-file", "5")]).unwrap();
        assert_eq!((spec.max_size_bytes, spec.max_files), (1 << 20, 5));
        assert_eq!(plan_of("", &[("max-size", "-1")]).unwrap().max_size_bytes, 0);
        assert_eq!(plan_of("none", &[]).unwrap().driver, LogDriver::None);
    }

    #[test]
    fn unknown_drivers_and_options_are_named() {
        assert_eq!(plan_of("syslog", &[]), Err(Invalid::LogDriver("syslog".into())));
        for option in [("max-file", "0"), ("max-size", "big"), ("max-size", "0"), ("colour", "red")] {
            let message = plan_of("json-file", &[option]).unwrap_err().to_string();
            assert!(message.contains(option.0), "{message}");
        }
    }
}
