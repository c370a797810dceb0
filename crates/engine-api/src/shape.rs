//! What a model reads, told by the model itself: its `Deserialize` is driven with an empty value of every kind it asks for.
//!
//! The coverage test compares this with the API's definition, so that nobody keeps a list by hand.

use std::cell::RefCell;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::unread;

/// One field of a model, or of a model inside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// Names joined by dots; `[]` is an element of a list, `*` any key of a map.
    pub path: String,
    /// What becomes of it.
    pub using: Using,
}

/// What becomes of a field in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Using {
    /// Honoured, or refused where its value cannot be.
    Read,
    /// Refused by name when set: [`crate::Unread`].
    Unread,
    /// Never looked at, as the API has it: [`crate::unread::Ignored`].
    Ignored,
}

/// All fields of a model, outer before inner.
#[must_use]
pub fn fields<T: DeserializeOwned>() -> Vec<Field> {
    let found = RefCell::new(Vec::new());
    let zero = T::deserialize(Probe { path: String::new(), found: &found });
    // A model that refuses the zero value of a field has not told those behind it.
    debug_assert!(zero.is_ok(), "{} refuses a zero value: {:?}", std::any::type_name::<T>(), zero.err());
    found.into_inner()
}

struct Probe<'f> {
    path: String,
    found: &'f RefCell<Vec<Field>>,
}

impl Probe<'_> {
    fn note(&self, using: Using) {
        if !self.path.is_empty() && !self.path.ends_with("[]") && !self.path.ends_with(".*") {
            self.found.borrow_mut().push(Field { path: self.path.clone(), using });
        }
    }

    fn below(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Probe { path, found: self.found }
    }
}

macro_rules! zero {
    ($($method:ident $visit:ident $zero:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.note(Using::Read);
            visitor.$visit($zero)
        })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    zero! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i8 0;
        deserialize_i16 visit_i16 0;
        deserialize_i32 visit_i32 0;
        deserialize_i64 visit_i64 0;
        deserialize_u8 visit_u8 0;
        deserialize_u16 visit_u16 0;
        deserialize_u32 visit_u32 0;
        deserialize_u64 visit_u64 0;
        deserialize_f32 visit_f32 0.0;
        deserialize_f64 visit_f64 0.0;
        deserialize_str visit_str "";
        deserialize_string visit_str "";
        deserialize_char visit_str "";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Using::Read);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let using = match name {
            unread::IGNORED => Some(Using::Ignored),
            name if unread::is_unread(name) => Some(Using::Unread),
            _ => None,
        };
        if let Some(using) = using {
            self.note(using);
            // What stands inside is not read either: one line is enough.
            let inside = RefCell::default();
            return visitor.visit_newtype_struct(Probe { path: self.path, found: &inside });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(1, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.note(Using::Read);
        visitor.visit_seq(Elements { path: format!("{}[]", self.path), found: self.found, left: length })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Using::Read);
        visitor.visit_map(Each { names: [""].iter(), any: true, probe: &self })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(Using::Read);
        visitor.visit_map(Each { names: fields.iter(), any: false, probe: &self })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(Using::Read);
        visitor.visit_enum(StrDeserializer::new(variants.first().copied().unwrap_or_default()))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple_struct identifier ignored_any
    }
}

struct Elements<'f> {
    path: String,
    found: &'f RefCell<Vec<Field>>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Probe { path: self.path.clone(), found: self.found }).map(Some)
    }
}

struct Each<'f, 'p> {
    names: std::slice::Iter<'static, &'static str>,
    any: bool,
    probe: &'p Probe<'f>,
}

impl<'de> MapAccess<'de> for Each<'_, '_> {
    type Error = Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(name) = self.names.as_slice().first() else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let name = self.names.next().copied().unwrap_or_default();
        seed.deserialize(self.probe.below(if self.any { "*" } else { name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unread;
    use std::collections::BTreeMap;

    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Inner {
        rate: u32,
        gone: Unread,
    }

    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Outer {
        names: Vec<String>,
        by_name: BTreeMap<String, Vec<Inner>>,
        size: Option<[u16; 2]>,
        maybe: Option<Inner>,
    }

    #[test]
    fn a_model_tells_its_fields() {
        let told: Vec<String> = fields::<Outer>()
            .iter()
            .map(|f| format!("{}{}", if f.using == Using::Read { "" } else { "!" }, f.path))
            .collect();
        let by_name = ["ByName", "ByName.*[].Rate", "!ByName.*[].Gone"];
        let maybe = ["Maybe", "Maybe.Rate", "!Maybe.Gone"];
        assert_eq!(told, [&["Names"][..], &by_name, &["Size"], &maybe].concat());
    }
}
