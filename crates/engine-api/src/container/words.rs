//! A command: a list of words, or one string that is the only word.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// For `deserialize_with`: absent and null are `None`.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Words;
    impl<'de> Visitor<'de> for Words {
        type Value = Option<Vec<String>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of strings")
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
            Ok(Some(vec![word.to_owned()]))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut words = Vec::new();
            while let Some(word) = list.next_element()? {
                words.push(word);
            }
            Ok(Some(words))
        }
    }
    deserializer.deserialize_any(Words)
}
