//! Lists of objects in the form that `--format` asks for.
//!
//! In: rows of named fields and the verb's default columns. Out: the text to print.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::tab;
use super::template::{Template, TemplateError};

/// The columns a verb can show: field names of templates and their headings, the default table first.
pub(crate) struct Columns {
    /// What `table` alone shows.
    pub(crate) default: &'static str,
    /// Field name → heading.
    pub(crate) headings: &'static [(&'static str, &'static str)],
}

/// One object of a list.
#[derive(Debug, Default, Clone)]
pub(crate) struct Row {
    fields: Map<String, Value>,
    labels: BTreeMap<String, String>,
}

impl Row {
    /// Sets a field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the labels: the field `Labels` and what `.Label "name"` answers.
    pub(crate) fn labels<'a>(mut self, labels: impl Iterator<Item = (&'a String, &'a String)>) -> Self {
        self.labels = labels.map(|(key, value)| (key.clone(), value.clone())).collect();
        let all: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        self.with("Labels", all.join(","))
    }

    fn call(&self, name: &str, args: &[Value]) -> Option<Value> {
        match (name, args) {
            ("Label", [Value::String(key)]) => Some(self.labels.get(key).cloned().unwrap_or_default().into()),
            _ => None,
        }
    }
}

/// What `--format` says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Layout {
    /// A table of the verb's own columns.
    Default,
    /// A table with columns of the user's template.
    Table(Template),
    /// One JSON object per line.
    Json,
    /// One text per object.
    Template(Template),
}

impl Layout {
    /// Reads the value of `--format`.
    pub(crate) fn parse(source: &str) -> Result<Self, TemplateError> {
        let unescaped = || source.replace("\\t", "\t").replace("\\n", "\n");
        match source {
            "" | "table" => Ok(Self::Default),
            "json" => Ok(Self::Json),
            _ => match unescaped().strip_prefix("table ") {
                Some(columns) => Ok(Self::Table(Template::parse(columns.trim_start_matches(' '))?)),
                None => Ok(Self::Template(Template::parse(&unescaped())?)),
            },
        }
    }
}

/// The layout a list verb uses: `--format` wins, then `--quiet` (one `quiet` template per line), then the table.
pub(crate) fn layout(
    format: Option<&Layout>,
    quiet: bool,
    quiet_template: &str,
) -> Result<Layout, TemplateError> {
    match format {
        Some(layout) if !(quiet && *layout == Layout::Default) => Ok(layout.clone()),
        _ if quiet => Ok(Layout::Template(Template::parse(quiet_template)?)),
        _ => Ok(Layout::Default),
    }
}

/// The text of `rows`.
pub(crate) fn render(layout: &Layout, columns: &Columns, rows: &[Row]) -> Result<String, TemplateError> {
    match layout {
        Layout::Default => table(&Template::parse(columns.default)?, columns, rows),
        Layout::Table(template) => table(template, columns, rows),
        Layout::Json => {
            Ok(rows.iter().map(|row| Value::Object(row.fields.clone()).to_string() + "\n").collect())
        }
        Layout::Template(template) => lines(template, rows),
    }
}

fn table(template: &Template, columns: &Columns, rows: &[Row]) -> Result<String, TemplateError> {
    let headings = columns
        .headings
        .iter()
        .map(|(field, heading)| ((*field).to_owned(), Value::from(*heading)))
        .collect();
    let label = |name: &str, args: &[Value]| match (name, args) {
        ("Label", [Value::String(key)]) => Some(label_heading(key).into()),
        _ => None,
    };
    let head = template.apply_header(&Value::Object(headings), &label)?;
    Ok(tab::align(&(head + "\n" + &lines(template, rows)?), tab::MIN_WIDTH))
}

fn lines(template: &Template, rows: &[Row]) -> Result<String, TemplateError> {
    let mut out = String::new();
    for row in rows {
        let root = Value::Object(row.fields.clone());
        out.push_str(&template.apply_row(&root, &|name, args| row.call(name, args))?);
        out.push('\n');
    }
    Ok(out)
}

/// The last word of a dotted label, as Docker heads such a column.
fn label_heading(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).replace(['-', '_'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = Columns {
        default: "{{.ID}}\t{{.Name}}",
        headings: &[("ID", "ID"), ("Name", "NAME"), ("Labels", "LABELS")],
    };

    fn show(format: &str) -> Result<String, TemplateError> {
        let labels = BTreeMap::from([("com.x.my_tier".to_owned(), "db".to_owned())]);
        let rows = [Row::default().with("ID", "1").with("Name", "web").labels(labels.iter())];
        render(&Layout::parse(format)?, &COLUMNS, &rows)
    }

    #[test]
    fn every_form() {
        let table = [
            ("", "ID        NAME\n1         web\n"),
            ("table {{.Name}}\\t{{.ID}}", "NAME      ID\nweb       1\n"),
            ("table {{upper .Name}}\\t{{.Label \"com.x.my_tier\"}}", "NAME      my tier\nWEB       db\n"),
            ("{{.ID}}={{.Name}}", "1=web\n"),
            ("json", "{\"ID\":\"1\",\"Labels\":\"com.x.my_tier=db\",\"Name\":\"web\"}\n"),
            ("{{json .}}", "{\"ID\":\"1\",\"Labels\":\"com.x.my_tier=db\",\"Name\":\"web\"}\n"),
            ("{{.Label \"none\"}}!", "!\n"),
        ];
        for (format, want) in table {
            assert_eq!(show(format).as_deref(), Ok(want), "{format}");
        }
        assert!(show("{{.Nope}}").is_err());
    }
}
