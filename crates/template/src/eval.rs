//! Walks a template's tree with data.
//!
//! In: the tree, the data, the data's methods. Out: text. Reads nothing else and writes only to its own string.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::TemplateError;
use crate::found::{Found, Placed};
use crate::parse::{Base, Node, Operand, Pipeline};
use crate::{Absent, Data, function, print};

/// What ended a list of nodes early.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// Gives the text of `nodes` for `data`.
pub(crate) fn run(nodes: &[Node], data: &Data<'_>) -> Result<String, TemplateError> {
    let left = data.budget.unwrap_or(usize::MAX);
    let root = Placed { value: data.root.clone(), at: Some(Vec::new()) };
    let mut run = Run { data, variables: vec![(String::new(), root.clone())], out: String::new(), left };
    run.list(nodes, &root)?;
    Ok(run.out)
}

struct Run<'a> {
    data: &'a Data<'a>,
    variables: Vec<(String, Placed)>,
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

    fn list(&mut self, nodes: &[Node], dot: &Placed) -> Result<Flow, TemplateError> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// Runs a block; the variables it declares end with it.
    fn scope(&mut self, nodes: &[Node], dot: &Placed, mark: usize) -> Result<Flow, TemplateError> {
        let flow = self.list(nodes, dot);
        self.variables.truncate(mark);
        flow
    }

    fn node(&mut self, node: &Node, dot: &Placed) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        self.pay([])?;
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Output(pipeline) => {
                let found = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.out.push_str(&found.text()?);
                } else {
                    self.bind(pipeline, found.or_null())?;
                }
            }
            Node::If { test, then, otherwise } => {
                let value = self.pipeline(test, dot)?.or_null();
                self.bind(test, value.clone())?;
                let branch = if print::truth(&value.value) { then } else { otherwise };
                return self.scope(branch, dot, mark);
            }
            Node::With { value, then, otherwise } => {
                let inner = self.pipeline(value, dot)?.or_null();
                self.bind(value, inner.clone())?;
                return match print::truth(&inner.value) {
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
        all: Placed,
        body: &[Node],
        otherwise: &[Node],
        dot: &Placed,
    ) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let entries: Vec<(Value, Placed)> = match &all.value {
            Value::Array(items) => {
                let placed = |(i, item): (usize, &Value)| (i.into(), all.part(&i.to_string(), item.clone()));
                items.iter().enumerate().map(placed).collect()
            }
            Value::Object(entries) => {
                let placed =
                    |(key, item): (&String, &Value)| (key.as_str().into(), all.part(key, item.clone()));
                entries.iter().map(placed).collect()
            }
            Value::Null => Vec::new(),
            other => {
                let reason = format!("cannot walk over {}", print::kind(other));
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
                    self.variables.push((first.clone(), Placed::made(key)));
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

    fn bind(&mut self, pipeline: &Pipeline, value: Placed) -> Result<(), TemplateError> {
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

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Placed) -> Result<Found, TemplateError> {
        let mut last: Option<Found> = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        Ok(last.unwrap_or(Found::made(Value::Null)))
    }

    fn command(
        &mut self,
        words: &[Operand],
        piped: Option<Found>,
        dot: &Placed,
    ) -> Result<Found, TemplateError> {
        let [head, rest @ ..] = words else { return Ok(Found::made(Value::Null)) };
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
        called.map(Found::made).ok_or(TemplateError::Call { name, reason })
    }

    fn function(
        &mut self,
        name: &str,
        words: &[Operand],
        piped: Option<Found>,
        dot: &Placed,
    ) -> Result<Found, TemplateError> {
        // In Go 1.18 and later these stop at the first argument that decides, and give it back.
        if name == "and" || name == "or" {
            let mut value = Placed::made(Value::Null);
            for word in words {
                value = self.operand(word, dot)?.or_null();
                if print::truth(&value.value) == (name == "or") {
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
        let indexed = match &args[..] {
            [Found::Value(first), ..] if name == "index" => first.at.clone(),
            _ => None,
        };
        let args = args
            .into_iter()
            .map(|arg| if lenient { Ok(arg.or_null().value) } else { arg.value() })
            .collect::<Result<Vec<_>, _>>()?;
        self.pay(&args)?;
        let value = match function::exists(name) {
            true => function::call(name, &args)?,
            false => self.data.functions.call(name, &args)?,
        };
        self.pay([&value])?;
        let keys = args.iter().skip(1).map(print::text);
        Ok(Found::Value(Placed { value, at: indexed.map(|at| at.into_iter().chain(keys).collect()) }))
    }

    /// The value of a word; paid for, since it was copied.
    fn operand(&mut self, operand: &Operand, dot: &Placed) -> Result<Found, TemplateError> {
        let found = match &operand.base {
            Base::Dot => self.walk(dot, &operand.path),
            Base::Literal(value) => self.walk(&Placed::made(value.clone()), &operand.path),
            Base::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let known =
                    known.ok_or_else(|| TemplateError::UnknownVariable { name: format!("${name}") })?;
                self.walk(&known.1, &operand.path)
            }
            Base::Function(name) => return self.function(name, &[], None, dot),
            Base::Group(inner) => match self.pipeline(inner, dot)? {
                Found::Value(value) => self.walk(&value, &operand.path),
                Found::Nothing if !operand.path.is_empty() => Found::Missing(operand.path[0].clone()),
                other => return Ok(other),
            },
        };
        if let Found::Value(found) = &found {
            self.pay([&found.value])?;
        }
        Ok(found)
    }

    /// Follows field names. What is null or not there is what the data's type says of it, if that is known.
    fn walk(&self, from: &Placed, path: &[String]) -> Found {
        let mut at = from.at.clone();
        let mut value = Cow::Borrowed(&from.value);
        for (index, name) in path.iter().enumerate() {
            let next = match &value {
                Cow::Borrowed(value) => entry(value, name).map(Cow::Borrowed),
                Cow::Owned(value) => entry(value, name).cloned().map(Cow::Owned),
            };
            if let Some(at) = &mut at {
                at.push(name.clone());
            }
            let absent = match (&next, &at) {
                (Some(next), _) if !next.is_null() => Absent::Unknown,
                (_, Some(at)) if value.is_object() => (self.data.absent)(at),
                _ => Absent::Unknown,
            };
            value = match (next, absent) {
                (_, Absent::Empty(zero)) => Cow::Owned(zero),
                (Some(next), _) => next,
                (None, Absent::NoValue) if index + 1 == path.len() => return Found::Nothing,
                (None, _) => return Found::Missing(name.clone()),
            };
        }
        Found::Value(Placed { value: value.into_owned(), at })
    }
}

/// The entry of this name. Go's names of Docker's fields differ from the JSON names only by case (`ID` and `Id`), so case
/// decides only where both exist.
fn entry<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let entries = value.as_object()?;
    entries
        .get(name)
        .or_else(|| entries.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
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
