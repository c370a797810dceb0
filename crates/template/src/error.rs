//! What can be wrong with a template, or with data it is given.

use thiserror::Error;

/// A template that cannot be read, or that does not fit its data. Positions (`at`) are byte offsets.
#[derive(Debug, Clone, PartialEq, Error)]
#[expect(missing_docs, reason = "the sentence of each variant says what its fields are")]
pub enum TemplateError {
    #[error("template: position {at}: unclosed action, '}}}}' is missing")]
    UnclosedAction { at: usize },
    #[error("template: position {at}: unterminated or malformed quoted string")]
    UnterminatedString { at: usize },
    #[error("template: position {at}: unexpected {found:?} in an action")]
    UnexpectedCharacter { found: char, at: usize },
    #[error("template: position {at}: bad number {text:?}")]
    BadNumber { text: String, at: usize },
    #[error("template: position {at}: {expected} is expected")]
    Expected { expected: &'static str, at: usize },
    #[error("template: position {at}: function {name:?} is not defined")]
    UnknownFunction { name: String, at: usize },
    #[error("template: unexpected '{{{{{word}}}}}'")]
    Misplaced { word: String },
    #[error("template: '{{{{end}}}}' is missing for '{{{{{word}}}}}'")]
    MissingEnd { word: &'static str },
    #[error("template: nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("template: it takes more than {limit} steps and bytes")]
    TooCostly { limit: usize },
    #[error("template: undefined variable {name:?}")]
    UnknownVariable { name: String },
    #[error("template: no field or entry {name:?} here")]
    NoField { name: String },
    #[error("template: wrong use of {name:?}: {reason}")]
    Call { name: String, reason: String },
}
