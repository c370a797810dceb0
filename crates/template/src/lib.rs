//! Go's text/template language, over JSON: for `--format`, and for what tasks are told of themselves.
//!
//! In: the template's text, a JSON value, and functions beside Go's own. Out: text, or an error that names the wrong part.
//! Pure: reads no file and no clock. Templates may be hostile: nesting is bounded, and work too wherever a budget is set.
//! Files: `lex` cuts, `parse` builds the tree, `eval` walks it and `found` is what it finds, `function` and `printf` are what it may call.

#![forbid(unsafe_code)]

mod error;
mod eval;
mod found;
mod function;
mod lex;
mod parse;
mod print;
mod printf;
mod text;

use serde_json::Value;

pub use error::TemplateError;
pub use print::{kind, text as print};
pub use text::{quote, significant};

/// A template that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    nodes: Vec<parse::Node>,
}

/// What a template may call besides Go's own functions.
pub trait Functions {
    /// Whether there is a function of this name; asked when the template is read.
    fn has(&self, name: &str) -> bool;

    /// Calls it.
    ///
    /// # Errors
    /// [`TemplateError::Call`] when it cannot do anything with these arguments.
    fn call(&self, name: &str, args: &[Value]) -> Result<Value, TemplateError>;

    /// Whether it leaves the heading of a column as it is.
    fn keeps_headings(&self, name: &str) -> bool {
        let _ = name;
        false
    }
}

/// What the type of the data says of an entry that is null or not there.
#[derive(Debug, Clone, PartialEq)]
pub enum Absent {
    /// It has it, and this is its empty value; null where there may be none.
    Empty(Value),
    /// It is a map that could have it: printed as Go's `<no value>`.
    NoValue,
    /// It has none of this name, or nothing is known of it.
    Unknown,
}

/// What a template is applied to.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// The dot.
    pub root: &'a Value,
    /// The functions with which the template was read.
    pub functions: &'a dyn Functions,
    /// Answers calls such as `.Label "name"` on the root.
    pub method: &'a dyn Fn(&str, &[Value]) -> Option<Value>,
    /// What an entry is that is null or not there; keys and positions lead to it from the root.
    pub absent: &'a dyn Fn(&[String]) -> Absent,
    /// Whether these are the headings of a table.
    pub header: bool,
    /// How much may be done, in steps and bytes that are handled; none: anything.
    pub budget: Option<usize>,
}

impl<'a> Data<'a> {
    /// A value without methods, of which nothing is known but what it says.
    #[must_use]
    pub fn new(root: &'a Value, functions: &'a dyn Functions) -> Self {
        Data {
            root,
            functions,
            method: &|_, _| None,
            absent: &|_| Absent::Unknown,
            header: false,
            budget: None,
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(source: &str, functions: &dyn Functions) -> Result<Self, TemplateError> {
        Ok(Self { nodes: parse::tree(lex::pieces(source)?, functions)? })
    }

    /// Applies it.
    ///
    /// # Errors
    /// When it does not fit the data, or the budget is used up.
    pub fn apply(&self, data: &Data<'_>) -> Result<String, TemplateError> {
        eval::run(&self.nodes, data)
    }
}

#[cfg(test)]
mod tests;
