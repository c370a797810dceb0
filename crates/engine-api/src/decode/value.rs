//! The deserializer over one JSON value, which knows its path.

use std::fmt;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::DecodeError;
use super::number::{flag, float, integer, truth, unexpected};
use crate::unread::{self, Absent, MinusOne, NoKey, Quiet};

/// Where the value comes from: parameters are texts that may stand for numbers and flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Json,
    Parameters,
}

/// The way from the root to a value, kept on the stack and written only into errors.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// One value on its way into a model.
pub(super) struct Walker<'p> {
    pub(super) value: Value,
    pub(super) path: Path<'p>,
    pub(super) source: Source,
}

impl Walker<'_> {
    /// A parameter that was asked for as one value: the first that was sent.
    fn single(mut self) -> Self {
        if self.source == Source::Parameters
            && let Value::Array(list) = &mut self.value
        {
            self.value = if list.is_empty() { Value::Null } else { list.swap_remove(0) };
        }
        self
    }

    fn unread<'de, V: Visitor<'de>>(self, name: &str, visitor: V) -> Result<V::Value, DecodeError> {
        let quiet = match (&self.value, name) {
            (Value::Object(object), NoKey::NAME) => object.is_empty(),
            (Value::Number(number), MinusOne::NAME) if number.as_i64() == Some(-1) => true,
            (value, Absent::NAME) => value.is_null(),
            (value, _) => is_quiet(value, self.source),
        };
        if quiet {
            return visitor.visit_newtype_struct(Walker { value: Value::Null, ..self });
        }
        Err(DecodeError::Unread { field: self.path.to_string() })
    }
}

/// Whether a field that is not honoured says nothing.
fn is_quiet(value: &Value, source: Source) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) if source == Source::Parameters => !truth(text),
        Value::String(text) => text.is_empty(),
        Value::Array(list) if source == Source::Parameters => list.iter().all(|v| is_quiet(v, source)),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(|v| is_quiet(v, source)),
    }
}

macro_rules! by {
    ($how:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let this = self.single();
            $how(&this.value, this.source, visitor).map_err(|error| error.at(&this.path))
        })*
    };
}

impl<'de> Deserializer<'de> for Walker<'_> {
    type Error = DecodeError;

    by!(flag: deserialize_bool);
    by!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    by!(float: deserialize_f32 deserialize_f64);
    by!(string: deserialize_str deserialize_string deserialize_char deserialize_identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Self { value, path, source } = self;
        match value {
            Value::Object(object) => map(object, path, source, visitor),
            Value::Array(list) if source == Source::Json => visitor
                .visit_seq(SeqDeserializer::new(list.into_iter().map(Plain)))
                .map_err(|error: DecodeError| error.at(&path)),
            other => Walker { value: other, path, source }.scalar(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let this = self.single();
        match &this.value {
            Value::Null => visitor.visit_none(),
            Value::String(text) if text.is_empty() && this.source == Source::Parameters => {
                visitor.visit_none()
            }
            _ => visitor.visit_some(this),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            name if unread::is_unread(name) => self.unread(name, visitor),
            unread::IGNORED => visitor.visit_newtype_struct(Walker { value: Value::Null, ..self }),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Self { value, path, source } = self;
        let list = match value {
            Value::Null => Vec::new(),
            Value::Array(list) => list,
            other => return Err(DecodeError::invalid_type(unexpected(&other), &"a list").at(&path)),
        };
        visitor
            .visit_seq(Items { items: list.into_iter(), path: &path, index: 0, source })
            .map_err(|e| e.at(&path))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Self { value, path, source } = self;
        match value {
            Value::Null => map(Map::new(), path, source, visitor),
            Value::Object(object) => map(object, path, source, visitor),
            other => Err(DecodeError::invalid_type(unexpected(&other), &"an object").at(&path)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let Self { value, path, source } = self;
        let object = match value {
            Value::Null => Map::new(),
            Value::Object(object) => object,
            other => {
                return Err(DecodeError::invalid_type(unexpected(&other), &"an object").at(&path));
            }
        };
        let entries = known(object, fields, source);
        visitor
            .visit_map(Fields { entries: entries.into_iter(), next: None, path: &path, source })
            .map_err(|error| error.at(&path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let this = self.single();
        match &this.value {
            Value::Null => visitor.visit_enum(StrDeserializer::new("")),
            Value::String(text) => visitor.visit_enum(StrDeserializer::new(text)),
            other => Err(DecodeError::invalid_type(unexpected(other), &"a word")),
        }
        .map_err(|error: DecodeError| error.at(&this.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct }
}

impl Walker<'_> {
    fn scalar<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let this = self.single();
        let result = match &this.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(on) => visitor.visit_bool(*on),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_str(text),
            other => Err(DecodeError::invalid_type(unexpected(other), &visitor)),
        };
        result.map_err(|error: DecodeError| error.at(&this.path))
    }
}

fn string<'de, V: Visitor<'de>>(value: &Value, _: Source, visitor: V) -> Result<V::Value, DecodeError> {
    match value {
        Value::Null => visitor.visit_str(""),
        Value::String(text) => visitor.visit_str(text),
        other => Err(DecodeError::invalid_type(unexpected(other), &"a string")),
    }
}

/// The entries a model knows, under the model's spelling. Of several spellings of one key the exact one wins, else the last;
/// parameters match exactly only.
fn known(
    object: Map<String, Value>,
    fields: &'static [&'static str],
    source: Source,
) -> Vec<(&'static str, Value)> {
    let mut entries: Vec<(&'static str, bool, Value)> = Vec::with_capacity(object.len());
    for (key, value) in object {
        let exact = fields.iter().find(|field| **field == key);
        let found = match source {
            Source::Json => exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(&key))),
            Source::Parameters => exact,
        };
        let Some(field) = found else { continue };
        // Null is absent, but for a list or object below it nothing changes: the default is the empty one.
        if value.is_null() {
            continue;
        }
        match entries.iter_mut().find(|(name, ..)| name == field) {
            Some((_, true, _)) => {}
            Some(entry) => *entry = (field, exact.is_some(), value),
            None => entries.push((field, exact.is_some(), value)),
        }
    }
    entries.into_iter().map(|(field, _, value)| (field, value)).collect()
}

fn map<'de, V: Visitor<'de>>(
    object: Map<String, Value>,
    path: Path<'_>,
    source: Source,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    visitor
        .visit_map(Fields { entries: object.into_iter(), next: None, path: &path, source })
        .map_err(|e| e.at(&path))
}

struct Items<'p> {
    items: std::vec::IntoIter<Value>,
    path: &'p Path<'p>,
    index: usize,
    source: Source,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(value) = self.items.next() else {
            return Ok(None);
        };
        let path = Path::Index(self.path, self.index);
        self.index += 1;
        seed.deserialize(Walker { value, path, source: self.source }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields<'p, K, I: Iterator<Item = (K, Value)>> {
    entries: I,
    next: Option<(K, Value)>,
    path: &'p Path<'p>,
    source: Source,
}

impl<'de, K: AsRef<str>, I: Iterator<Item = (K, Value)>> MapAccess<'de> for Fields<'_, K, I> {
    type Error = DecodeError;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        self.next = self.entries.next();
        let Some((key, _)) = &self.next else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(key.as_ref())).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DecodeError> {
        let Some((key, value)) = self.next.take() else {
            return Err(DecodeError::custom("a value without a key"));
        };
        let path = Path::Key(self.path, key.as_ref());
        seed.deserialize(Walker { value, path, source: self.source })
    }
}

/// A JSON value inside an untyped list.
struct Plain(Value);

impl IntoDeserializer<'_, DecodeError> for Plain {
    type Deserializer = Walker<'static>;
    fn into_deserializer(self) -> Walker<'static> {
        Walker { value: self.0, path: Path::Root, source: Source::Json }
    }
}
