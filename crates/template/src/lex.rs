//! Splits a template into text and the tokens of its actions.
//!
//! In: the template's text. Out: a list of pieces; white space around `{{-` and `-}}` is already gone.
//! Touches nothing else.

use crate::error::TemplateError;

/// A stretch of the template: literal text, or the tokens between `{{` and `}}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Action { tokens: Vec<Token>, at: usize },
}

/// One token; `spaced` says whether white space stood before it, which tells `.A.B` from `.A .B`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) spaced: bool,
    pub(crate) at: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Dot,
    Field(String),
    Variable(String),
    Word(String),
    Text(String),
    Number(serde_json::Number),
    Pipe,
    Open,
    Close,
    Declare,
    Assign,
    Comma,
}

/// Cuts `source` into pieces.
pub(crate) fn pieces(source: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut out = Vec::new();
    let mut rest = 0;
    let mut trim_next = false;
    while let Some(open) = source[rest..].find("{{").map(|i| i + rest) {
        let mut body = open + 2;
        let trim_left = source[body..].starts_with("- ") || source[body..].starts_with("-\n");
        if trim_left {
            body += 1;
        }
        push_text(&mut out, &source[rest..open], trim_next, trim_left);
        let close = closing(source, body).ok_or(TemplateError::UnclosedAction { at: open })?;
        let inner = &source[body..close];
        let trim_right = inner.ends_with(" -") || inner.ends_with("\n-");
        let inner = if trim_right { &inner[..inner.len() - 1] } else { inner };
        if !inner.trim_start().starts_with("/*") {
            out.push(Piece::Action { tokens: tokens(inner, body)?, at: open });
        }
        trim_next = trim_right;
        rest = close + 2;
    }
    push_text(&mut out, &source[rest..], trim_next, false);
    Ok(out)
}

fn push_text(out: &mut Vec<Piece>, text: &str, trim_start: bool, trim_end: bool) {
    let text = if trim_start { text.trim_start() } else { text };
    let text = if trim_end { text.trim_end() } else { text };
    if !text.is_empty() {
        out.push(Piece::Text(text.to_owned()));
    }
}

/// Where the action that starts at `from` ends: the first `}}` outside quotes and comments.
fn closing(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    if source[from..].trim_start().starts_with("/*") {
        let end = source[from..].find("*/")? + from;
        return source[end..].find("}}").map(|i| i + end);
    }
    let mut i = from;
    while i < bytes.len() {
        match bytes[i] {
            b'}' if bytes.get(i + 1) == Some(&b'}') => return Some(i),
            quote @ (b'"' | b'`' | b'\'') => {
                i += 1;
                while i < bytes.len() && bytes[i] != quote {
                    i += if bytes[i] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
                i += 1;
            }
            _ => i += 1,
        }
    }
    None
}

fn tokens(source: &str, offset: usize) -> Result<Vec<Token>, TemplateError> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut spaced = true;
    while let Some(c) = source[at..].chars().next() {
        if c.is_whitespace() {
            spaced = true;
            at += c.len_utf8();
            continue;
        }
        let (kind, length) = token(&source[at..], offset + at)?;
        out.push(Token { kind, spaced, at: offset + at });
        spaced = false;
        at += length;
    }
    Ok(out)
}

fn token(source: &str, at: usize) -> Result<(Kind, usize), TemplateError> {
    let first = source.chars().next().unwrap_or(' ');
    let one = |kind| Ok((kind, 1));
    match first {
        '|' => one(Kind::Pipe),
        '(' => one(Kind::Open),
        ')' => one(Kind::Close),
        ',' => one(Kind::Comma),
        '=' => one(Kind::Assign),
        ':' if source.starts_with(":=") => Ok((Kind::Declare, 2)),
        '"' => quoted(source, at),
        '`' => {
            let end = source[1..].find('`').ok_or(TemplateError::UnterminatedString { at })?;
            Ok((Kind::Text(source[1..=end].to_owned()), end + 2))
        }
        '\'' => character(source, at),
        '.' => {
            let name = word(&source[1..]);
            if name.is_empty() { one(Kind::Dot) } else { Ok((Kind::Field(name.to_owned()), 1 + name.len())) }
        }
        '$' => {
            let name = word(&source[1..]);
            Ok((Kind::Variable(name.to_owned()), 1 + name.len()))
        }
        c if c.is_ascii_digit() || c == '-' || c == '+' => number(source, at),
        c if c.is_alphabetic() || c == '_' => {
            let name = word(source);
            Ok((Kind::Word(name.to_owned()), name.len()))
        }
        c => Err(TemplateError::UnexpectedCharacter { found: c, at }),
    }
}

fn word(source: &str) -> &str {
    let end = source.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(source.len());
    &source[..end]
}

fn number(source: &str, at: usize) -> Result<(Kind, usize), TemplateError> {
    let end =
        source.find(|c: char| !c.is_ascii_alphanumeric() && !"+-._".contains(c)).unwrap_or(source.len());
    let text = &source[..end];
    let parsed = text.parse::<i64>().ok().map(serde_json::Number::from);
    let parsed = parsed.or_else(|| text.parse::<f64>().ok().and_then(serde_json::Number::from_f64));
    match parsed {
        Some(number) => Ok((Kind::Number(number), end)),
        None => Err(TemplateError::BadNumber { text: text.to_owned(), at }),
    }
}

fn character(source: &str, at: usize) -> Result<(Kind, usize), TemplateError> {
    let mut chars = source[1..].chars();
    match (chars.next(), chars.next()) {
        (Some(c), Some('\'')) if c != '\\' => Ok((Kind::Number((c as u32).into()), 2 + c.len_utf8())),
        _ => Err(TemplateError::UnterminatedString { at }),
    }
}

fn quoted(source: &str, at: usize) -> Result<(Kind, usize), TemplateError> {
    let mut text = String::new();
    let mut chars = source.char_indices().skip(1);
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((Kind::Text(text), i + 1)),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(c @ ('"' | '\\' | '\'')) => text.push(c),
                _ => return Err(TemplateError::UnterminatedString { at }),
            },
            c => text.push(c),
        }
    }
    Err(TemplateError::UnterminatedString { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_around_dashes_and_drops_comments() {
        let cut = pieces("a {{- .B -}} c{{/* no }} */}}d").unwrap();
        assert_eq!(cut[0], Piece::Text("a".into()));
        assert_eq!(cut[2], Piece::Text("c".into()));
        assert_eq!(cut[3], Piece::Text("d".into()));
    }

    #[test]
    fn braces_inside_quotes_do_not_close() {
        let cut = pieces(r#"{{"}}"}}"#).unwrap();
        assert!(
            matches!(&cut[..], [Piece::Action { tokens, .. }] if tokens[0].kind == Kind::Text("}}".into()))
        );
    }

    #[test]
    fn an_open_action_is_named() {
        assert!(matches!(pieces("x{{.Foo"), Err(TemplateError::UnclosedAction { at: 1 })));
    }
}
