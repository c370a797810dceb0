//! The data of a secret or a config that is a template.

use serde_json::Value;
use template::{Functions, TemplateError, print};

use super::{ExpandError, Plain, context, text};
use crate::pb;

/// Steps and bytes that the template of one secret or config may take: several times what one may hold.
const PAYLOAD_BUDGET: usize = 16 << 20;

/// What the templates of a task's secrets and configs may look up, by target.
pub trait Payloads {
    /// The data of the task's secret with this target.
    fn secret(&self, target: &str) -> Option<Vec<u8>>;
    /// The data of the task's config with this target.
    fn config(&self, target: &str) -> Option<Vec<u8>>;
}

/// The data with its actions carried out; `kind` (`secret` or `config`) and `name` are for the error alone.
///
/// Besides what the fields of a container may call, it may call `env NAME`, `secret TARGET` and `config TARGET`.
///
/// # Errors
/// When the data is no text, or a template that does not fit.
pub fn payload(
    (kind, name): (&'static str, &str),
    data: &[u8],
    node: &pb::NodeDescription,
    task: &pb::Task,
    payloads: &dyn Payloads,
) -> Result<Vec<u8>, ExpandError> {
    let source =
        std::str::from_utf8(data).map_err(|_| ExpandError::NotText { kind, name: name.to_owned() })?;
    let env =
        task.spec.as_ref().and_then(|spec| spec.container.as_ref()).map_or(&[][..], |spec| &spec.env[..]);
    let functions = Lookups { env, payloads };
    let expanded = text(source, &context(node, task), &functions, PAYLOAD_BUDGET);
    let expanded = expanded.map_err(|error| ExpandError::Payload { kind, name: name.to_owned(), error })?;
    Ok(expanded.into_bytes())
}

struct Lookups<'a> {
    env: &'a [String],
    payloads: &'a dyn Payloads,
}

impl Functions for Lookups<'_> {
    fn has(&self, name: &str) -> bool {
        matches!(name, "env" | "secret" | "config") || Plain.has(name)
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, TemplateError> {
        let [wanted] = args else { return Plain.call(name, args) };
        let wanted = print(wanted);
        let found = match name {
            // A variable that is not set is empty, as with swarmkit.
            "env" => return Ok(variable(self.env, &wanted).unwrap_or_default().into()),
            "secret" => self.payloads.secret(&wanted),
            "config" => self.payloads.config(&wanted),
            _ => return Plain.call(name, args),
        };
        let wrong = |reason: String| TemplateError::Call { name: name.to_owned(), reason };
        let data = found.ok_or_else(|| wrong(format!("{name} target {wanted} not found")))?;
        String::from_utf8(data).map(Value::from).map_err(|_| wrong(format!("{wanted} is not UTF-8 text")))
    }
}

fn variable<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    env.iter().rev().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
}
