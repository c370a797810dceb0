//! `runtimes` and `default-runtime`: other OCI runtimes, each a command line.

use serde::Deserialize;
use serde_json::Value;

use super::{BUILT_IN_RUNTIME, Config, ConfigError};

/// What the names of the built-in runtime are.
const BUILT_IN: [&str; 3] = [BUILT_IN_RUNTIME, "shoal", "runc"];

/// One runtime, as dockerd's `daemon.json` has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Runtime {
    /// A path, or a name that is looked for in `PATH`.
    pub(crate) path: String,
    /// Options before the verb.
    pub(crate) runtime_args: Vec<String>,
    runtime_type: String,
    options: Option<Value>,
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let wrong = |key, value: String, expected| Err(ConfigError::Value { key, value, expected });
    for (name, runtime) in &config.runtimes {
        let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !sound {
            return wrong(
                "runtimes",
                format!("{name:?}"),
                "a name of letters, digits, dots, dashes and underscores",
            );
        }
        if !runtime.runtime_type.is_empty() || runtime.options.is_some() {
            let expected = "path and runtimeArgs of an OCI runtime: runtimeType and options are containerd's and not implemented";
            return wrong("runtimes", format!("{name:?}"), expected);
        }
        if runtime.path.is_empty() {
            return wrong("runtimes", format!("{name:?}"), "a path for each runtime");
        }
    }
    let default = config.default_runtime.as_str();
    if !BUILT_IN.contains(&default) && !config.runtimes.contains_key(default) {
        return wrong(
            "default-runtime",
            format!("{default:?}"),
            "shoal-runtime or the name of a configured runtime",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(json: &str) -> Result<(), String> {
        let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
        check(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn only_command_lines_are_runtimes() {
        let crun = r#""runtimes": {"crun": {"path": "crun", "runtimeArgs": ["--debug"]}}"#;
        assert_eq!(judged(&format!("{{{crun}, \"default-runtime\": \"crun\"}}")), Ok(()));
        for (json, expected) in [
            (r#"{"default-runtime": "crun"}"#, "configured runtime"),
            (r#"{"runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}}}"#, "not implemented"),
            (r#"{"runtimes": {"x": {"path": "/x", "options": {}}}}"#, "not implemented"),
            (r#"{"runtimes": {"x": {}}}"#, "a path"),
            (r#"{"runtimes": {"a b": {"path": "/x"}}}"#, "a name"),
            (r#"{"runtimes": {"x": {"paths": "/x"}}}"#, "unknown field"),
        ] {
            let error = judged(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
