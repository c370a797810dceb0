//! Numbers and flags, which parameters carry as text.

use serde::de::{Error, Unexpected, Visitor};
use serde_json::Value;

use super::DecodeError;
use super::value::Source;

/// Gives a whole number to the visitor; null and an empty parameter are zero.
pub(super) fn integer<'de, V: Visitor<'de>>(
    value: &Value,
    source: Source,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    match value {
        Value::Null => visitor.visit_u64(0),
        Value::String(text) if source == Source::Parameters => {
            if text.is_empty() {
                visitor.visit_u64(0)
            } else if let Ok(number) = text.parse::<u64>() {
                visitor.visit_u64(number)
            } else if let Ok(number) = text.parse::<i64>() {
                visitor.visit_i64(number)
            } else {
                Err(DecodeError::invalid_value(Unexpected::Str(text), &"a whole number"))
            }
        }
        Value::Number(number) => {
            if let Some(number) = number.as_u64() {
                visitor.visit_u64(number)
            } else if let Some(number) = number.as_i64() {
                visitor.visit_i64(number)
            } else {
                let found = Unexpected::Float(number.as_f64().unwrap_or_default());
                Err(DecodeError::invalid_type(found, &"a whole number"))
            }
        }
        other => Err(DecodeError::invalid_type(unexpected(other), &"a whole number")),
    }
}

/// Gives a number to the visitor; null is zero.
pub(super) fn float<'de, V: Visitor<'de>>(
    value: &Value,
    source: Source,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    match value {
        Value::Null => visitor.visit_f64(0.0),
        Value::Number(number) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
        Value::String(text) if source == Source::Parameters => match text.parse::<f64>() {
            Ok(number) => visitor.visit_f64(number),
            Err(_) => Err(DecodeError::invalid_value(Unexpected::Str(text), &"a number")),
        },
        other => Err(DecodeError::invalid_type(unexpected(other), &"a number")),
    }
}

/// Gives a flag to the visitor; null is off.
pub(super) fn flag<'de, V: Visitor<'de>>(
    value: &Value,
    source: Source,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    match value {
        Value::Null => visitor.visit_bool(false),
        Value::Bool(on) => visitor.visit_bool(*on),
        Value::String(text) if source == Source::Parameters => visitor.visit_bool(truth(text)),
        other => Err(DecodeError::invalid_type(unexpected(other), &"true or false")),
    }
}

/// How parameters say yes: everything but these.
pub(super) fn truth(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
}

/// What was found, for an error.
pub(super) fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(on) => Unexpected::Bool(*on),
        Value::Number(number) => Unexpected::Float(number.as_f64().unwrap_or_default()),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}
