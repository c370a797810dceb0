//! Reads the definition of the API: its operations, their parameters, and the fields of their bodies.

use serde_json::{Map, Value};

/// The definition, as a tree.
pub(crate) struct Definition(Value);

/// One method on one path.
#[derive(Debug)]
pub(crate) struct Operation {
    /// `GET`…
    pub(crate) method: String,
    /// `/containers/{id}/json`
    pub(crate) path: String,
    /// Names of parameters in the query and in headers.
    pub(crate) parameters: Vec<String>,
    /// Paths of the body's fields: names joined by dots, `[]` an element of a list, `*` any key of a map; outer before inner.
    pub(crate) fields: Vec<String>,
}

impl Definition {
    pub(crate) fn parse(yaml: &str) -> Self {
        let options = serde_saphyr::options! { budget: None };
        Self(serde_saphyr::from_str_with_options(yaml, options).expect("the definition is YAML"))
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let methods = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().cloned().unwrap_or_default();
            methods
                .into_iter()
                .map(|(method, operation)| self.operation(path, &method, &operation))
                .collect::<Vec<_>>()
        };
        paths.iter().flat_map(methods).collect()
    }

    fn operation(&self, path: &str, method: &str, operation: &Value) -> Operation {
        let mut found = Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            parameters: Vec::new(),
            fields: Vec::new(),
        };
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a parameter's name");
            match parameter["in"].as_str().expect("a parameter's place") {
                "query" | "header" => found.parameters.push(name.to_owned()),
                "body" => self.fields(&parameter["schema"], "", &mut Vec::new(), &mut found.fields),
                "path" => {}
                other => panic!("a parameter in {other}"),
            }
        }
        found
    }

    /// Adds the fields of a schema; `inside` are the named schemas it stands in.
    fn fields(&self, schema: &Value, at: &str, inside: &mut Vec<String>, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap_or(name).to_owned();
            if inside.contains(&name) {
                return;
            }
            let target = &self.0["definitions"][&name];
            inside.push(name);
            self.fields(target, at, inside, found);
            inside.pop();
            return;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.fields(part, at, inside, found);
        }
        for (name, field) in schema["properties"].as_object().unwrap_or(&Map::new()) {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            found.push(path.clone());
            self.fields(field, &path, inside, found);
        }
        if schema["items"].is_object() {
            self.fields(&schema["items"], &format!("{at}[]"), inside, found);
        }
        if schema["additionalProperties"].is_object() {
            self.fields(&schema["additionalProperties"], &format!("{at}.*"), inside, found);
        }
    }
}
