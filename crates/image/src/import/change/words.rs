//! Splitting an instruction's arguments as Dockerfiles do: blanks, quotes, backslashes. Pure.

use super::wrong;
use crate::Result;

/// Words between blanks.
pub(crate) fn plain(rest: &str) -> Vec<String> {
    rest.split_whitespace().map(str::to_owned).collect()
}

/// `key=value key2="value 2"`, or the old form `key everything else`.
pub(crate) fn pairs(rest: &str) -> Result<Vec<(String, String)>> {
    let words = split(rest)?;
    let first = words.first().map(String::as_str).unwrap_or_default();
    if !first.contains('=') {
        let (key, value) =
            rest.split_once(char::is_whitespace).ok_or_else(|| wrong(format!("{rest} must have a value")))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some(("", _)) => Err(wrong("a name cannot be blank".to_owned())),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => {
            Err(wrong(format!("Syntax error - can't find = in {word:?}. Must be of the form: name=value")))
        }
    };
    words.iter().map(pair).collect()
}

/// Words with their quotes and backslashes undone.
fn split(rest: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            (c, Some(_)) => word.get_or_insert_default().push(c),
            (c @ ('"' | '\''), None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        let name = if open == '"' { "double-quote" } else { "single-quote" };
        return Err(wrong(format!("unexpected end of statement while looking for matching {name}")));
    }
    words.extend(word);
    Ok(words)
}
