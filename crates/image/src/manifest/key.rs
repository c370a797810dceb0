//! Keys that another reader takes for one it knows.
//!
//! Go's JSON reader, which other engines and registries use, does not look at the case of keys: to it `Layers` is `layers`, and
//! the last one counts. A document with such a key could be one image here and another there, so it is refused. Pure.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

/// The keys that decide what a document is and what it holds.
const KNOWN: [&str; 6] = ["schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers"];

/// Fails if a key of the outermost object is a known one in other letters.
pub(super) fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::Deserializer::from_slice(bytes).deserialize_map(Keys)
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if KNOWN.iter().any(|known| key != *known && folded(&key).eq_ignore_ascii_case(known)) {
                return Err(de::Error::custom(format_args!("a key is written {key:?}")));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// With the two letters beyond ASCII that Go takes for an `s` and a `k`.
fn folded(key: &str) -> String {
    key.replace('\u{17f}', "s").replace('\u{212a}', "k")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_letters_are_noticed() {
        for bad in
            [r#"{"Layers":[]}"#, r#"{"a":{},"MANIFESTS":1}"#, r#"{"manife\u017fts":[]}"#, "[]", r#"{"a"#]
        {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
        for good in ["{}", r#"{"layers":[],"manifests":[]}"#, r#"{"a":{"Layers":1},"annotations":{}}"#] {
            assert!(check(good.as_bytes()).is_ok(), "{good}");
        }
    }
}
