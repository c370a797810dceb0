//! The options `labels`, `labels-regex`, `env` and `env-regex`: what of a container goes along with its lines. Pure.

use crate::spec::{Config, LogInvalid};
use regex_lite::Regex;
use std::collections::BTreeMap;

/// Which labels and variables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    labels: Vec<String>,
    labels_like: Option<Regex>,
    env: Vec<String>,
    env_like: Option<Regex>,
}

impl Wanted {
    /// Takes one option; false if it is none of these.
    pub(super) fn take(&mut self, key: &str, value: &str) -> Result<bool, LogInvalid> {
        let names = || value.split(',').map(str::to_owned).collect();
        match key {
            "labels" => self.labels = names(),
            "env" => self.env = names(),
            "labels-regex" => self.labels_like = pattern("labels-regex", value)?,
            "env-regex" => self.env_like = pattern("env-regex", value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Those the container has.
    pub(super) fn of(&self, config: &Config) -> BTreeMap<String, String> {
        let named = |names: &[String], like: &Option<Regex>, key: &str| {
            names.iter().any(|name| name == key) || like.as_ref().is_some_and(|like| like.is_match(key))
        };
        let labels = config.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let labels = labels.filter(|(key, _)| named(&self.labels, &self.labels_like, key));
        let env = config.env.iter().filter_map(|entry| entry.split_once('='));
        let env = env.filter(|(key, _)| named(&self.env, &self.env_like, key));
        labels.chain(env).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

fn pattern(key: &'static str, text: &str) -> Result<Option<Regex>, LogInvalid> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |error: regex_lite::Error| LogInvalid::Pattern {
        key,
        value: text.to_owned(),
        reason: error.to_string(),
    };
    Regex::new(text).map(Some).map_err(wrong)
}

/// The name of a journal field: capitals, digits and underscores, and no underscore first, which is the journal's own.
/// `None` if nothing is left of it.
pub(super) fn field_name(key: &str) -> Option<String> {
    let name: String = key
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect();
    let name = name.trim_start_matches('_');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_and_matching_ones_are_picked() {
        let labels = [("app", "web"), ("tier", "1"), ("other", "x")];
        let config = Config {
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            env: vec!["LANG=C".into(), "SECRET=1".into(), "bare".into()],
            ..Config::default()
        };
        let mut wanted = Wanted::default();
        for (key, value) in [("labels", "app,none"), ("labels-regex", "^ti"), ("env", "LANG")] {
            assert!(wanted.take(key, value).unwrap());
        }
        let picked: Vec<_> = wanted.of(&config).into_iter().collect();
        let expected = [("LANG", "C"), ("app", "web"), ("tier", "1")];
        assert_eq!(picked, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(!wanted.take("tag", "").unwrap());
        assert!(wanted.take("env-regex", "(").is_err());
    }

    #[test]
    fn field_names_are_the_journals() {
        assert_eq!(field_name("com.example/app-1").as_deref(), Some("COM_EXAMPLE_APP_1"));
        assert_eq!(field_name("_PID").as_deref(), Some("PID"));
        assert_eq!(field_name("__"), None);
    }
}
