//! Walks a template's tree with data.
//!
//! In: the tree, the data, the data's methods. Out: text. Reads nothing else and writes only to its own string.

use serde_json::Value;

use crate::error::TemplateError;
use crate::parse::{Base, Node, Operand, Pipeline};
use crate::{Data, function, print};

/// What ended a list of nodes early.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// A value, or the name of the entry that was looked for and is not there. Tests take the second as false;
/// printing it is an error, so that a misspelt field does not pass silently.
#[derive(Clone)]
enum Found {
    Value(Value),
    Missing(String),
}

impl Found {
    fn value(self) -> Result<Value, TemplateError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Missing(name) => Err(TemplateError::NoField { name }),
        }
    }

    fn or_null(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Missing(_) => Value::Null,
        }
    }
}

/// Gives the text of `nodes` for `data`.
pub(crate) fn run(nodes: &[Node], data: &Data<'_>) -> Result<String, TemplateError> {
    let left = data.budget.unwrap_or(usize::MAX);
    let mut run = Run { data, variables: vec![(String::new(), data.root.clone())], out: String::new(), left };
    run.list(nodes, data.root)?;
    Ok(run.out)
}

struct Run<'a> {
    data: &'a Data<'a>,
    variables: Vec<(String, Value)>,
    out: String,
    /// What is left of the budget.
    left: usize,
}

impl Run<'_> {
    /// Pays for one step, and for the values that it handles.
    fn pay<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>) -> Result<(), TemplateError> {
        let Some(limit) = self.data.budget else { return Ok(()) };
        let cost = values.into_iter().fold(1, |sum: usize, value| sum.saturating_add(size(value)));
        self.left = self.left.checked_sub(cost).ok_or(TemplateError::TooCostly { limit })?;
        Ok(())
    }

    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// Runs a block; the variables it declares end with it.
    fn scope(&mut self, nodes: &[Node], dot: &Value, mark: usize) -> Result<Flow, TemplateError> {
        let flow = self.list(nodes, dot);
        self.variables.truncate(mark);
        flow
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        self.pay([])?;
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Output(pipeline) => {
                let found = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.out.push_str(&print::text(&found.value()?));
                } else {
                    self.bind(pipeline, found.or_null())?;
                }
            }
            Node::If { test, then, otherwise } => {
                let value = self.pipeline(test, dot)?.or_null();
                self.bind(test, value.clone())?;
                let branch = if print::truth(&value) { then } else { otherwise };
                return self.scope(branch, dot, mark);
            }
            Node::With { value, then, otherwise } => {
                let inner = self.pipeline(value, dot)?.or_null();
                self.bind(value, inner.clone())?;
                return match print::truth(&inner) {
                    true => self.scope(then, &inner, mark),
                    false => self.scope(otherwise, dot, mark),
                };
            }
            Node::Range { items, body, otherwise } => {
                let all = self.pipeline(items, dot)?.or_null();
                return self.range(items, all, body, otherwise, dot);
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        head: &Pipeline,
        all: Value,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let entries: Vec<(Value, Value)> = match all {
            Value::Array(items) => items.into_iter().enumerate().map(|(i, item)| (i.into(), item)).collect(),
            Value::Object(entries) => entries.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            Value::Null => Vec::new(),
            other => {
                let reason = format!("cannot walk over {}", print::kind(&other));
                return Err(TemplateError::Call { name: "range".to_owned(), reason });
            }
        };
        if entries.is_empty() {
            return self.scope(otherwise, dot, mark);
        }
        for (key, item) in entries {
            match &head.variables[..] {
                [name] => self.variables.push((name.clone(), item.clone())),
                [first, second] => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), item.clone()));
                }
                _ => {}
            }
            if self.scope(body, &item, mark)? == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn bind(&mut self, pipeline: &Pipeline, value: Value) -> Result<(), TemplateError> {
        let Some(name) = pipeline.variables.first() else { return Ok(()) };
        if !pipeline.assigns {
            self.variables.push((name.clone(), value));
            return Ok(());
        }
        let slot = self.variables.iter_mut().rev().find(|(known, _)| known == name);
        let slot = slot.ok_or_else(|| TemplateError::UnknownVariable { name: format!("${name}") })?;
        slot.1 = value;
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Found, TemplateError> {
        let mut last: Option<Found> = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        Ok(last.unwrap_or(Found::Value(Value::Null)))
    }

    fn command(
        &mut self,
        words: &[Operand],
        piped: Option<Found>,
        dot: &Value,
    ) -> Result<Found, TemplateError> {
        let [head, rest @ ..] = words else { return Ok(Found::Value(Value::Null)) };
        if let Base::Function(name) = &head.base {
            return self.function(name, rest, piped, dot);
        }
        if rest.is_empty() && piped.is_none() {
            return self.operand(head, dot);
        }
        let mut args = Vec::with_capacity(rest.len() + 1);
        for word in rest {
            args.push(self.operand(word, dot)?.value()?);
        }
        if let Some(piped) = piped {
            args.push(piped.value()?);
        }
        let name = head.path.last().cloned().unwrap_or_default();
        let called = if head.path.len() == 1 { (self.data.method)(&name, &args) } else { None };
        let reason = "it is not a function".to_owned();
        called.map(Found::Value).ok_or(TemplateError::Call { name, reason })
    }

    fn function(
        &mut self,
        name: &str,
        words: &[Operand],
        piped: Option<Found>,
        dot: &Value,
    ) -> Result<Found, TemplateError> {
        // In Go 1.18 and later these stop at the first argument that decides, and give it back.
        if name == "and" || name == "or" {
            let mut value = Value::Null;
            for word in words {
                value = self.operand(word, dot)?.or_null();
                if print::truth(&value) == (name == "or") {
                    return Ok(Found::Value(value));
                }
            }
            return Ok(Found::Value(piped.map_or(value, Found::or_null)));
        }
        let mut args = Vec::with_capacity(words.len() + 1);
        for word in words {
            args.push(self.operand(word, dot)?);
        }
        args.extend(piped);
        if self.data.header && self.data.functions.keeps_headings(name) {
            // `split .Names ","` and `join .Names ","` carry their text first; `.ID | json` has only the text.
            return args.into_iter().next().ok_or_else(|| TemplateError::Call {
                name: name.to_owned(),
                reason: "no argument".to_owned(),
            });
        }
        let lenient = matches!(name, "not" | "eq" | "ne" | "len" | "index");
        let args = args
            .into_iter()
            .map(|arg| if lenient { Ok(arg.or_null()) } else { arg.value() })
            .collect::<Result<Vec<_>, _>>()?;
        self.pay(&args)?;
        let value = match function::exists(name) {
            true => function::call(name, &args)?,
            false => self.data.functions.call(name, &args)?,
        };
        self.pay([&value])?;
        Ok(Found::Value(value))
    }

    /// The value of a word; paid for, since it was copied.
    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Found, TemplateError> {
        let found = match &operand.base {
            Base::Dot => walk(dot, &operand.path),
            Base::Literal(value) => walk(value, &operand.path),
            Base::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let known =
                    known.ok_or_else(|| TemplateError::UnknownVariable { name: format!("${name}") })?;
                walk(&known.1, &operand.path)
            }
            Base::Function(name) => return self.function(name, &[], None, dot),
            Base::Group(inner) => match self.pipeline(inner, dot)? {
                Found::Value(value) => walk(&value, &operand.path),
                missing => return Ok(missing),
            },
        };
        if let Found::Value(value) = &found {
            self.pay([value])?;
        }
        Ok(found)
    }
}

/// Follows field names. Go's names of Docker's fields differ from the JSON names only by case (`ID` and `Id`),
/// so case decides only where both exist.
fn walk(value: &Value, path: &[String]) -> Found {
    let mut value = value;
    for name in path {
        let next = match value {
            Value::Object(entries) => entries.get(name).or_else(|| {
                entries.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            }),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return Found::Missing(name.clone()),
        }
    }
    Found::Value(value.clone())
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 1 + size(item)).sum(),
        Value::Object(entries) => entries.iter().map(|(key, value)| key.len() + size(value)).sum(),
    }
}
