//! What can be wrong with the configuration, each in one sentence that names it.

use std::io;
use std::path::PathBuf;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("invalid value {value:?} for --{flag}: expected {expected}")]
    FlagValue { flag: &'static str, value: String, expected: &'static str },
    #[error("invalid value {value} for {key}: expected {expected}")]
    Value { key: &'static str, value: String, expected: &'static str },
    #[error("the configuration file {path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the configuration file {path} is larger than {limit} bytes")]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("the configuration file {path} is not valid JSON: {source}")]
    NotJson { path: PathBuf, source: serde_json::Error },
    #[error("the configuration file {path} must hold one JSON object")]
    NotAnObject { path: PathBuf },
    #[error("the configuration file {path} holds keys that are not known: {}", keys.join(", "))]
    UnknownKeys { path: PathBuf, keys: Vec<String> },
    #[error(
        "the following settings are given both as a flag and in the configuration file {path}: {}",
        conflicts.join(", ")
    )]
    Conflict { path: PathBuf, conflicts: Vec<String> },
    #[error("log-driver and log-opts: {0}")]
    Log(#[from] engine::spec::LogInvalid),
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
}
