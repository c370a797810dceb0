//! The functions a template may call: Go's built-in ones and Docker's.
//!
//! In: evaluated arguments. Out: a value. `and` and `or` are not here, since they must not evaluate all they are given.

use std::cmp::Ordering;

use serde_json::Value;

use super::error::TemplateError;
use super::print;
use super::printf::printf;

/// Every name that may stand where a function is called.
const NAMES: [&str; 25] = [
    "and", "or", "not", "len", "index", "slice", "eq", "ne", "lt", "le", "gt", "ge", "print", "println",
    "printf", "json", "lower", "upper", "title", "join", "split", "truncate", "pad", "html", "urlquery",
];

/// Whether a function of that name exists.
pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// In the header row of a table `{{json .ID}}` must give the heading, so these leave their value alone.
pub(super) fn is_identity_in_header(name: &str) -> bool {
    matches!(name, "json" | "lower" | "upper" | "title" | "truncate" | "split" | "join" | "pad")
}

/// Calls `name` with `args`.
pub(super) fn call(name: &str, args: &[Value]) -> Result<Value, TemplateError> {
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
        ("json", [value]) => Ok(Value::String(value.to_string())),
        ("lower", [value]) => Ok(Value::String(print::text(value).to_lowercase())),
        ("upper", [value]) => Ok(Value::String(print::text(value).to_uppercase())),
        ("title", [value]) => Ok(Value::String(title(&print::text(value)))),
        ("join", [Value::Array(items), separator]) => {
            let words: Vec<String> = items.iter().map(print::text).collect();
            Ok(Value::String(words.join(&print::text(separator))))
        }
        ("join", [Value::Null, _]) => Ok(Value::String(String::new())),
        ("split", [value, separator]) => {
            let (value, separator) = (print::text(value), print::text(separator));
            Ok(Value::Array(value.split(separator.as_str()).map(Value::from).collect()))
        }
        ("truncate", [value, length]) => {
            let length = length.as_u64().ok_or_else(|| bad("its second argument must be a length"))?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            Ok(Value::String(print::text(value).chars().take(length).collect()))
        }
        ("pad", [value, before, after]) => {
            pad(value, before, after).ok_or_else(|| bad("it takes a value and two widths"))
        }
        ("html", [value]) => Ok(Value::String(escape_html(&print::text(value)))),
        ("urlquery", [value]) => Ok(Value::String(crate::client::encode(&print::text(value)))),
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

/// Upper-cases the first letter of each word.
pub(crate) fn title(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            let out = if start { c.to_uppercase().next().unwrap_or(c) } else { c };
            start = c.is_whitespace();
            out
        })
        .collect()
}

/// Widths beyond this make no table, only a full memory.
const MAX_PAD: u64 = 1024;

fn pad(value: &Value, before: &Value, after: &Value) -> Option<Value> {
    let width = |v: &Value| v.as_u64().filter(|n| *n <= MAX_PAD).and_then(|n| usize::try_from(n).ok());
    let text = print::text(value);
    if text.is_empty() {
        return Some(Value::String(text));
    }
    Some(Value::String(format!("{}{text}{}", " ".repeat(width(before)?), " ".repeat(width(after)?))))
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
