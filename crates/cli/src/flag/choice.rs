//! One of a few words.

use super::FlagError;

/// `input`, if it is among `known`; `expected` says them in a sentence.
pub(crate) fn parse(input: &str, known: &[&str], expected: &'static str) -> Result<String, FlagError> {
    match known.contains(&input) {
        true => Ok(input.to_owned()),
        false => Err(FlagError::Choice { input: input.to_owned(), expected }),
    }
}

/// The availabilities of a node.
pub(crate) fn availability(input: &str) -> Result<String, FlagError> {
    parse(input, &["active", "pause", "drain"], "active, pause or drain")
}

/// The roles of a node.
pub(crate) fn role(input: &str) -> Result<String, FlagError> {
    parse(input, &["worker", "manager"], "worker or manager")
}
