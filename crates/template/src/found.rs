//! What a walk over data finds: a value and where it was, or that there is none.

use serde_json::Value;

use crate::error::TemplateError;
use crate::print;

/// What Go prints for an entry that a map could have and has not.
const NO_VALUE: &str = "<no value>";

/// A value, and where in the data it was found, if it is of the data.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) value: Value,
    pub(crate) at: Option<Vec<String>>,
}

impl Placed {
    /// A value that was made, or stands in the template.
    pub(crate) fn made(value: Value) -> Self {
        Self { value, at: None }
    }

    /// The part of it under this key.
    pub(crate) fn part(&self, key: &str, value: Value) -> Self {
        Self { value, at: self.at.as_ref().map(|at| at.iter().cloned().chain([key.to_owned()]).collect()) }
    }
}

/// A value, nothing where a map could have had something, or the name of the entry that was looked for and cannot be there.
/// Tests take both as false; printing the last is an error, so that a misspelt field does not pass silently.
#[derive(Clone)]
pub(crate) enum Found {
    Value(Placed),
    Nothing,
    Missing(String),
}

impl Found {
    pub(crate) fn made(value: Value) -> Self {
        Self::Value(Placed::made(value))
    }

    pub(crate) fn value(self) -> Result<Value, TemplateError> {
        match self {
            Self::Value(found) => Ok(found.value),
            Self::Nothing => Ok(Value::Null),
            Self::Missing(name) => Err(TemplateError::NoField { name }),
        }
    }

    pub(crate) fn or_null(self) -> Placed {
        match self {
            Self::Value(found) => found,
            Self::Nothing | Self::Missing(_) => Placed::made(Value::Null),
        }
    }

    pub(crate) fn text(self) -> Result<String, TemplateError> {
        match self {
            Self::Nothing => Ok(NO_VALUE.to_owned()),
            other => Ok(print::text(&other.value()?)),
        }
    }
}
