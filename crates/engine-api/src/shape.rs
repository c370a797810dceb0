//! What a model reads, told by the model itself: its `Deserialize` is driven with an empty value of every kind it asks for.
//!
//! The coverage test compares this with the API's definition, so that nobody keeps a list by hand; the client knows by it what an
//! answer has left out because it is empty.

use std::cell::RefCell;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::unread;

/// What a model, or a value in it, is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Whatever it likes.
    Any,
    /// Something without parts; this is its empty value: false, zero or an empty string.
    Plain(Value),
    /// Of the inner shape, or not there at all.
    Maybe(Box<Shape>),
    /// Any number of these.
    List(Box<Shape>),
    /// Any keys, with values of one shape.
    Map(Box<Shape>),
    /// These fields, under their names in JSON.
    Object(Vec<(&'static str, Shape)>),
    /// A field that requests may have and that is not honoured: [`crate::Unread`].
    Unread,
    /// A field that requests may have and that is never looked at: [`crate::unread::Ignored`].
    Ignored,
}

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

/// The shape of a model.
#[must_use]
pub fn shape<T: DeserializeOwned>() -> Shape {
    let found = RefCell::new(Shape::Any);
    let zero = T::deserialize(Probe { found: &found });
    // A model that refuses the zero value of a field has not told those behind it.
    debug_assert!(zero.is_ok(), "{} refuses a zero value: {:?}", std::any::type_name::<T>(), zero.err());
    found.into_inner()
}

/// All fields of a model, outer before inner.
#[must_use]
pub fn fields<T: DeserializeOwned>() -> Vec<Field> {
    let mut found = Vec::new();
    shape::<T>().tell(String::new(), &mut found);
    found
}

impl Shape {
    /// Adds the fields within, which stand at `path`.
    fn tell(&self, path: String, to: &mut Vec<Field>) {
        match self {
            Self::Maybe(inner) => inner.tell(path, to),
            Self::List(inner) => inner.tell(path + "[]", to),
            Self::Map(inner) => inner.tell(if path.is_empty() { "*".to_owned() } else { path + ".*" }, to),
            Self::Object(fields) => {
                for (name, shape) in fields {
                    let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
                    to.push(Field { path: path.clone(), using: shape.using() });
                    shape.tell(path, to);
                }
            }
            Self::Any | Self::Plain(_) | Self::Unread | Self::Ignored => {}
        }
    }

    fn using(&self) -> Using {
        match self {
            Self::Maybe(inner) => inner.using(),
            Self::Unread => Using::Unread,
            Self::Ignored => Using::Ignored,
            Self::Any | Self::Plain(_) | Self::List(_) | Self::Map(_) | Self::Object(_) => Using::Read,
        }
    }
}

/// Answers what a model asks for with nothing, and keeps what it was.
#[derive(Clone, Copy)]
struct Probe<'f> {
    found: &'f RefCell<Shape>,
}

impl Probe<'_> {
    fn note(self, shape: Shape) {
        self.found.replace(shape);
    }
}

macro_rules! zero {
    ($($method:ident $visit:ident $zero:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.note(Shape::Plain(Value::from($zero)));
            visitor.$visit($zero)
        })*
    };
}

/// What `work` finds inside.
fn inner<T>(work: impl FnOnce(Probe<'_>) -> Result<T, Error>) -> Result<(T, Shape), Error> {
    let found = RefCell::new(Shape::Any);
    let value = work(Probe { found: &found })?;
    Ok((value, found.into_inner()))
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
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (value, shape) = inner(|probe| visitor.visit_some(probe))?;
        self.note(Shape::Maybe(Box::new(shape)));
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let shape = match name {
            unread::IGNORED => Shape::Ignored,
            name if unread::is_unread(name) => Shape::Unread,
            _ => return visitor.visit_newtype_struct(self),
        };
        // What stands inside is not read either: one line is enough.
        let (value, _) = inner(|probe| visitor.visit_newtype_struct(probe))?;
        self.note(shape);
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(1, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        let (value, element) = inner(|probe| visitor.visit_seq(Elements { probe, left: length }))?;
        self.note(Shape::List(Box::new(element)));
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let told = RefCell::new(Vec::new());
        let value = visitor.visit_map(Each { names: [""].iter(), told: &told })?;
        let each = told.into_inner().pop().map_or(Shape::Any, |(_, shape)| shape);
        self.note(Shape::Map(Box::new(each)));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let told = RefCell::new(Vec::new());
        let value = visitor.visit_map(Each { names: fields.iter(), told: &told })?;
        self.note(Shape::Object(told.into_inner()));
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(Shape::Plain(Value::from("")));
        visitor.visit_enum(StrDeserializer::new(variants.first().copied().unwrap_or_default()))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple_struct identifier ignored_any
    }
}

struct Elements<'f> {
    probe: Probe<'f>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.probe).map(Some)
    }
}

struct Each<'f> {
    names: std::slice::Iter<'static, &'static str>,
    told: &'f RefCell<Vec<(&'static str, Shape)>>,
}

impl<'de> MapAccess<'de> for Each<'_> {
    type Error = Error;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(name) = self.names.as_slice().first() else {
            return Ok(None);
        };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let name = self.names.next().copied().unwrap_or_default();
        let (value, shape) = inner(|probe| seed.deserialize(probe))?;
        self.told.borrow_mut().push((name, shape));
        Ok(value)
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
