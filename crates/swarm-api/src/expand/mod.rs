//! Templates in the specs of services: `{{.Node.Hostname}}` and the like, in variables, mounts, the host name, and in the data
//! of secrets and configs that ask for it. In swarmkit's words, with its context and functions.
//!
//! In: a task and the node it is on. Out: texts. Pure. Workers expand what they run; control expands for an imagined node, so
//! that a wrong template is refused where its writer sees it. Templates are hostile: each is given a budget.

mod container;
mod payload;
#[cfg(test)]
mod tests;

pub use container::{container, sample, wants_labels};
pub use payload::{Payloads, payload};

use serde_json::{Value, json};
use template::{Data, Functions, Template, TemplateError, print};
use thiserror::Error;

use crate::{naming, pb};

/// What begins an action; a text without it is no template.
const OPENING: &str = "{{";
/// Steps and bytes that the template of one field may take.
const FIELD_BUDGET: usize = 1 << 20;

/// Why a template cannot be expanded.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ExpandError {
    /// A field of the container's spec.
    #[error("expanding {place} failed: expanding {place} {text:?}: {error}")]
    Field {
        /// `env`, `mounts`, `hostname`.
        place: &'static str,
        /// The template.
        text: String,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// The data of a secret or a config.
    #[error("expanding {kind} {name}: {error}")]
    Payload {
        /// `secret` or `config`.
        kind: &'static str,
        /// Its name; never its data.
        name: String,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// Data that is no text.
    #[error("expanding {kind} {name}: a template must be UTF-8 text")]
    NotText {
        /// `secret` or `config`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
}

/// What a template sees: `.Service`, `.Node` and `.Task`.
fn context(node: &pb::NodeDescription, task: &pb::Task) -> Value {
    json!({
        "Service": {"ID": task.service_id, "Name": task.service_name, "Labels": task.service_labels},
        "Node": {
            "ID": task.node_id,
            "Hostname": node.hostname,
            "Platform": {"Architecture": node.architecture, "OS": node.os},
        },
        "Task": {"ID": task.id, "Name": naming::task(task), "Slot": naming::slot(task)},
    })
}

/// What every template of a service may call besides Go's functions: `join SEPARATOR WORD…`.
struct Plain;

impl Functions for Plain {
    fn has(&self, name: &str) -> bool {
        name == "join"
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, TemplateError> {
        let wrong = |reason: &str| TemplateError::Call { name: name.to_owned(), reason: reason.to_owned() };
        match (name, args) {
            ("join", [separator, words @ ..]) => {
                let words: Vec<String> = words.iter().map(print).collect();
                Ok(words.join(&print(separator)).into())
            }
            _ => Err(wrong("a separator is needed")),
        }
    }
}

/// The text with its actions carried out.
fn text(
    source: &str,
    root: &Value,
    functions: &dyn Functions,
    budget: usize,
) -> Result<String, TemplateError> {
    if !source.contains(OPENING) {
        return Ok(source.to_owned());
    }
    Template::parse(source, functions)?.apply(&Data { budget: Some(budget), ..Data::new(root, functions) })
}
