//! How values read as text and as truth, after Go's `fmt` and `text/template`.

use serde_json::Value;

/// The text Go's `%v` would give.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", words.join(" "))
        }
        Value::Object(entries) => {
            let words: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}:{}", text(value))).collect();
            format!("map[{}]", words.join(" "))
        }
    }
}

/// Whether `if` takes the value: everything but false, zero, null and the empty.
pub(crate) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

/// What a value is, for an error's text.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
