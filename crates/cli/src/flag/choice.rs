//! One of a few words.

use super::FlagError;
use crate::error::Error;

/// `input`, if it is among `known`; `expected` says them in a sentence.
pub(crate) fn parse(input: &str, known: &[&str], expected: &'static str) -> Result<String, FlagError> {
    match known.contains(&input) {
        true => Ok(input.to_owned()),
        false => Err(FlagError::Choice { input: input.to_owned(), expected }),
    }
}

/// The availabilities of a node, in Docker's words: this is no complaint about a flag, which would have another exit code.
pub(crate) fn availability(input: &str) -> Result<String, Error> {
    let lower = input.to_ascii_lowercase();
    match ["active", "pause", "drain"].contains(&lower.as_str()) {
        true => Ok(lower),
        false => Err(Error::Usage(format!(
            "invalid availability \"{input}\", only active, pause and drain are supported"
        ))),
    }
}

/// The roles of a node.
pub(crate) fn role(input: &str) -> Result<String, Error> {
    match ["worker", "manager"].contains(&input) {
        true => Ok(input.to_owned()),
        false => Err(Error::Usage(format!("unknown role {input}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_refused_in_a_sentence() {
        assert_eq!(availability("Drain").expect("is one"), "drain");
        assert_eq!(
            availability("bogus").expect_err("is none").to_string(),
            "invalid availability \"bogus\", only active, pause and drain are supported"
        );
        assert_eq!(role("boss").expect_err("is none").to_string(), "unknown role boss");
    }
}
