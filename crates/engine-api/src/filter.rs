//! The `filters` parameter of lists and of the event stream.

use std::collections::BTreeMap;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// Filters by name: a match needs every name, and for each any one of its values. On the wire a JSON object in a string,
/// either `{"name": ["value"]}` or, from old clients, `{"name": {"value": true}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(pub BTreeMap<String, Vec<String>>);

impl Filters {
    /// Adds one value, as `--filter name=value` does.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.entry(name.into()).or_default().push(value.into());
    }

    /// The values given for a name; empty when the name does not filter.
    #[must_use]
    pub fn get(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing filters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(Vec::is_empty)
    }

    /// The first name that is not among `known`.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|name| !known.contains(name))
    }

    /// Reads the parameter; an empty string filters nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return None;
        };
        let mut filters = BTreeMap::new();
        for (name, values) in object {
            let values = match values {
                Value::Array(list) => list.into_iter().map(string).collect::<Option<Vec<_>>>()?,
                Value::Object(set) => set
                    .into_iter()
                    .filter(|(_, on)| on.as_bool().unwrap_or(false))
                    .map(|(value, _)| value)
                    .collect(),
                Value::Null => Vec::new(),
                _ => return None,
            };
            filters.insert(name, values);
        }
        Some(Self(filters))
    }
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

impl Serialize for Filters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Filters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Filters;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("filters as a JSON object of lists")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Filters, E> {
                Filters::parse(text)
                    .ok_or_else(|| E::custom("the filters are not a JSON object of lists of strings"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let list = Filters::parse(r#"{"label":["a","b=c"]}"#).expect("list form");
        let set = Filters::parse(r#"{"label":{"a":true,"b=c":true,"d":false}}"#).expect("set form");
        assert_eq!(list, set);
        assert_eq!(list.get("label"), ["a", "b=c"]);
        assert!(list.get("name").is_empty());
        assert_eq!(Filters::parse("[]"), None);
        assert_eq!(list.unknown(&["name"]), Some("label"));
    }
}
