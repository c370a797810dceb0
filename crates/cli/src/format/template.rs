//! Templates of `--format`: the language of [`template`] with Docker's functions.

use engine_api::shape::Shape;
use serde_json::Value;
use template::{Data, Functions, print};

use super::absent::absent;

pub(crate) use template::TemplateError;

/// A template that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(template::Template);

impl Template {
    /// Reads a template.
    pub(crate) fn parse(source: &str) -> Result<Self, TemplateError> {
        template::Template::parse(source, &Docker).map(Self)
    }

    /// Applies it to an answer of the API, whose model is of this shape.
    pub(crate) fn apply_shaped(&self, root: &Value, shape: &Shape) -> Result<String, TemplateError> {
        self.0.apply(&Data { absent: &|path| absent(shape, path), ..Data::new(root, &Docker) })
    }

    /// Applies it to `root`.
    pub(crate) fn apply(&self, root: &Value) -> Result<String, TemplateError> {
        self.0.apply(&Data::new(root, &Docker))
    }

    /// Applies it to a row that answers calls such as `.Label "name"`.
    pub(crate) fn apply_row(
        &self,
        root: &Value,
        method: &dyn Fn(&str, &[Value]) -> Option<Value>,
    ) -> Result<String, TemplateError> {
        self.0.apply(&Data { method, ..Data::new(root, &Docker) })
    }

    /// Applies it to the headings of a table; functions such as `json` then leave the heading as it is.
    pub(crate) fn apply_header(
        &self,
        root: &Value,
        method: &dyn Fn(&str, &[Value]) -> Option<Value>,
    ) -> Result<String, TemplateError> {
        self.0.apply(&Data { method, header: true, ..Data::new(root, &Docker) })
    }
}

/// What Docker's formats may call besides Go's own functions.
struct Docker;

const NAMES: [&str; 8] = ["json", "lower", "upper", "title", "join", "split", "truncate", "pad"];

impl Functions for Docker {
    fn has(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }

    /// In the header row of a table `{{json .ID}}` must give the heading.
    fn keeps_headings(&self, name: &str) -> bool {
        self.has(name)
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, TemplateError> {
        let bad = |reason: &str| TemplateError::Call { name: name.to_owned(), reason: reason.to_owned() };
        match (name, args) {
            ("json", [value]) => Ok(Value::String(value.to_string())),
            ("lower", [value]) => Ok(Value::String(print(value).to_lowercase())),
            ("upper", [value]) => Ok(Value::String(print(value).to_uppercase())),
            ("title", [value]) => Ok(Value::String(title(&print(value)))),
            ("join", [Value::Array(items), separator]) => {
                let words: Vec<String> = items.iter().map(print).collect();
                Ok(Value::String(words.join(&print(separator))))
            }
            ("join", [Value::Null, _]) => Ok(Value::String(String::new())),
            ("split", [value, separator]) => {
                let (value, separator) = (print(value), print(separator));
                Ok(Value::Array(value.split(separator.as_str()).map(Value::from).collect()))
            }
            ("truncate", [value, length]) => {
                let length = length.as_u64().ok_or_else(|| bad("its second argument must be a length"))?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Ok(Value::String(print(value).chars().take(length).collect()))
            }
            ("pad", [value, before, after]) => {
                pad(value, before, after).ok_or_else(|| bad("it takes a value and two widths"))
            }
            _ => Err(bad("wrong number or kind of arguments")),
        }
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
    let text = print(value);
    if text.is_empty() {
        return Some(Value::String(text));
    }
    Some(Value::String(format!("{}{text}{}", " ".repeat(width(before)?), " ".repeat(width(after)?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dockers_functions_give_what_docker_gives() {
        let data = json!({"Id": "abc", "Name": "/web", "List": ["x", "y"], "Map": {"b": 2, "a": 1}});
        let table = [
            ("{{json .Map}}", r#"{"a":1,"b":2}"#),
            ("{{join .List \"-\"}}", "x-y"),
            ("{{.Name | upper | printf \"%s!\"}}", "/WEB!"),
            ("{{title \"ab cd\"}} {{truncate .Name 2}} {{lower \"X\"}}", "Ab Cd /w x"),
            ("{{split .Name \"/\"}}", "[ web]"),
            ("{{pad .ID 1 2}}|", " abc  |"),
        ];
        for (source, want) in table {
            let got = Template::parse(source).and_then(|template| template.apply(&data));
            assert_eq!(got.as_deref(), Ok(want), "{source}");
        }
    }
}
