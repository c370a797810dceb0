//! Splits a command line into words as a shell does, for `--args` and `--entrypoint` of services.

use super::FlagError;

/// A command given as one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Words(pub(crate) Vec<String>);

/// Reads one; quotes and backslashes work, nothing is expanded.
pub(crate) fn parse(input: &str) -> Result<Words, FlagError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = input.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (None, c @ ('"' | '\'')) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, '\\') => word.get_or_insert_default().push(chars.next().unwrap_or('\\')),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(FlagError::Words { input: input.to_owned() });
    }
    words.extend(word);
    Ok(Words(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(
            parse(r#"sh -c "echo 'a b' \"c\"" '' d\ e"#).unwrap().0,
            ["sh", "-c", "echo 'a b' \"c\"", "", "d e"]
        );
        assert_eq!(parse("  ").unwrap().0, [""; 0]);
        assert!(parse("a 'b").is_err());
    }
}
