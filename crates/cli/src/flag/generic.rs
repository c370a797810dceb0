//! `--generic-resource kind=number`.

use super::FlagError;

/// So many of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generic {
    pub(crate) kind: String,
    pub(crate) count: i64,
}

/// Reads one. Which of the named things a task gets is not asked for.
pub(crate) fn parse(input: &str) -> Result<Generic, FlagError> {
    let (kind, value) = input.split_once('=').ok_or_else(|| FlagError::Pair { input: input.to_owned() })?;
    match value.trim().parse() {
        Ok(count) if !kind.trim().is_empty() => Ok(Generic { kind: kind.trim().to_owned(), count }),
        _ => Err(FlagError::Generic { input: input.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted() {
        assert_eq!(parse("gpu=2"), Ok(Generic { kind: "gpu".into(), count: 2 }));
        let text = parse("gpu=UUID1").unwrap_err().to_string();
        assert!(
            text.contains("Named Generic Resources is not supported for service create or update"),
            "{text}"
        );
        assert!(parse("gpu").is_err() && parse("=1").is_err());
    }
}
