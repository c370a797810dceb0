//! Reads `daemon.json` and joins it with the command line.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::key::{self, Kind};

/// Largest configuration file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads the settings of `path`. An absent file is empty unless it was asked for by name; an empty file,
/// such as `/dev/null`, holds no settings.
pub(super) fn read(path: &Path, asked_for: bool) -> Result<Map<String, Value>, ConfigError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !asked_for => return Ok(Map::new()),
        Err(source) => return Err(ConfigError::Unreadable { path: path.into(), source }),
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|source| ConfigError::Unreadable { path: path.into(), source })?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.into(), limit: MAX_FILE_BYTES });
    }
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Map<String, Value>, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let value: Value =
        serde_json::from_str(text).map_err(|source| ConfigError::NotJson { path: path.into(), source })?;
    let Value::Object(settings) = value else {
        return Err(ConfigError::NotAnObject { path: path.into() });
    };
    let unknown: Vec<String> = settings.keys().filter(|name| key::by_file(name).is_none()).cloned().collect();
    if !unknown.is_empty() {
        return Err(ConfigError::UnknownKeys { path: path.into(), keys: unknown });
    }
    for (name, value) in &settings {
        check(name, value)?;
    }
    Ok(settings)
}

/// Refuses a value of the wrong shape, by name.
fn check(name: &str, value: &Value) -> Result<(), ConfigError> {
    let Some(key) = key::by_file(name) else { return Ok(()) };
    let (fits, expected) = match key.kind {
        Kind::Bool => (value.is_boolean(), "true or false"),
        Kind::Text => (value.is_string(), "a string"),
        Kind::Number => (value.is_i64(), "a whole number"),
        Kind::List => {
            (value.as_array().is_some_and(|items| items.iter().all(Value::is_string)), "a list of strings")
        }
        Kind::Pools => (value.is_array(), "a list of objects with base and size"),
        Kind::Pairs | Kind::BoolPairs | Kind::Options | Kind::Ulimits | Kind::Runtimes => {
            (value.is_object(), "an object")
        }
        Kind::Object => (true, "any value"),
    };
    if fits { Ok(()) } else { Err(ConfigError::Value { key: key.file, value: value.to_string(), expected }) }
}

/// Joins both sources; a setting given in both is refused, as dockerd does, for nobody can know which was meant.
pub(super) fn join(
    flags: Map<String, Value>,
    mut file: Map<String, Value>,
    path: &Path,
) -> Result<Map<String, Value>, ConfigError> {
    let conflicts: Vec<String> = flags
        .iter()
        .filter_map(|(name, flag)| {
            let file = file.get(name)?;
            Some(format!("{name}: (from flag: {flag}, from file: {file})"))
        })
        .collect();
    if !conflicts.is_empty() {
        return Err(ConfigError::Conflict { path: PathBuf::from(path), conflicts });
    }
    file.extend(flags);
    Ok(file)
}
