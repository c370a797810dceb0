//! Go's built-in functions.
//!
//! In: evaluated arguments. Out: a value. `and` and `or` are not here, since they must not evaluate all they are given.

use std::cmp::Ordering;

use serde_json::Value;

use crate::error::TemplateError;
use crate::printf::printf;
use crate::{print, text};

/// Every name that may stand where a function is called.
const NAMES: [&str; 17] = [
    "and", "or", "not", "len", "index", "slice", "eq", "ne", "lt", "le", "gt", "ge", "print", "println",
    "printf", "html", "urlquery",
];

/// Whether a function of that name exists.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls `name` with `args`.
pub(crate) fn call(name: &str, args: &[Value]) -> Result<Value, TemplateError> {
    let bad = |reason: &str| TemplateError::Call { name: name.to_owned(), reason: reason.to_owned() };
    match (name, args) {
        ("not", [value]) => Ok(Value::Bool(!print::truth(value))),
        ("len", [value]) => length(value).map(Value::from).ok_or_else(|| bad("its argument has no length")),
        ("index", [value, keys @ ..]) => keys.iter().try_fold(value.clone(), |value, key| index(&value, key)),
        ("slice", [value, bounds @ ..]) => slice(value, bounds),
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            Ok(Value::Bool(rest.iter().any(|other| equal(first, other))))
        }
        ("ne", [a, b]) => Ok(Value::Bool(!equal(a, b))),
        ("lt" | "le" | "gt" | "ge", [a, b]) => {
            let order = compare(a, b).ok_or_else(|| bad("its arguments cannot be compared"))?;
            Ok(Value::Bool(match name {
                "lt" => order == Ordering::Less,
                "le" => order != Ordering::Greater,
                "gt" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }))
        }
        ("print", args) => Ok(Value::String(args.iter().map(print::text).collect())),
        ("println", args) => {
            let words: Vec<String> = args.iter().map(print::text).collect();
            Ok(Value::String(words.join(" ") + "\n"))
        }
        ("printf", [Value::String(format), args @ ..]) => Ok(Value::String(printf(format, args))),
        ("html", [value]) => Ok(Value::String(text::escape_html(&print::text(value)))),
        ("urlquery", [value]) => Ok(Value::String(text::escape_query(&print::text(value)))),
        _ => Err(bad("wrong number or kind of arguments")),
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.len()),
        Value::Array(items) => Some(items.len()),
        Value::Object(entries) => Some(entries.len()),
        Value::Null => Some(0),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

fn index(value: &Value, key: &Value) -> Result<Value, TemplateError> {
    let bad = |reason: String| TemplateError::Call { name: "index".to_owned(), reason };
    match (value, key) {
        (Value::Array(items), Value::Number(number)) => {
            let item = number.as_u64().and_then(|n| items.get(usize::try_from(n).ok()?));
            item.cloned()
                .ok_or_else(|| bad(format!("index {number} is out of range, the length is {}", items.len())))
        }
        // A map of strings gives the empty string for a key it has not, as in Go.
        (Value::Object(entries), Value::String(key)) => {
            Ok(entries.get(key).cloned().unwrap_or_else(|| String::new().into()))
        }
        (Value::Null, Value::String(_)) => Ok(Value::String(String::new())),
        (value, key) => Err(bad(format!("cannot take {key} of {}", print::kind(value)))),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, TemplateError> {
    let bad =
        || TemplateError::Call { name: "slice".to_owned(), reason: "its bounds are out of range".to_owned() };
    let size = length(value).ok_or_else(bad)?;
    let bound = |i: usize, default: usize| match bounds.get(i) {
        None => Some(default),
        Some(number) => number.as_u64().and_then(|n| usize::try_from(n).ok()),
    };
    let (from, to) = (bound(0, 0).ok_or_else(bad)?, bound(1, size).ok_or_else(bad)?);
    match value {
        Value::String(text) => text.get(from..to).map(Value::from).ok_or_else(bad),
        Value::Array(items) => items.get(from..to).map(|part| Value::Array(part.to_vec())).ok_or_else(bad),
        _ => Err(bad()),
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => compare(a, b) == Some(Ordering::Equal),
        _ => a == b,
    }
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
