//! How a request becomes a model: as the API's first servers read it, and strictly about what is not honoured.
//!
//! Keys match exactly or else in any capitalisation; null counts as absent, in a list as the zero value; unknown keys are
//! ignored; a field of type [`crate::Unread`] that is set is refused by its path.

mod error;
mod number;
mod value;

pub use error::DecodeError;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use value::{Path, Source, Walker};

/// Decodes a JSON body. An empty body is an empty object.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let value = if body.iter().all(u8::is_ascii_whitespace) {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| DecodeError::Syntax { reason: error.to_string() })?
    };
    from_value(value)
}

/// Decodes a JSON value.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, DecodeError> {
    T::deserialize(Walker { value, path: Path::Root, source: Source::Json })
}

/// Decodes parameters: names with their texts, in order, repeated names allowed. Texts become numbers and flags where the
/// model asks for them: a flag is off for nothing, `0`, `no`, `false` and `none`, else on.
pub fn from_parameters<T: DeserializeOwned>(
    parameters: impl IntoIterator<Item = (String, String)>,
) -> Result<T, DecodeError> {
    let mut object = Map::new();
    for (name, text) in parameters {
        match object.get_mut(&name) {
            Some(Value::Array(list)) => list.push(Value::String(text)),
            _ => {
                object.insert(name, Value::Array(vec![Value::String(text)]));
            }
        }
    }
    T::deserialize(Walker { value: Value::Object(object), path: Path::Root, source: Source::Parameters })
}

#[cfg(test)]
mod tests;
