//! Go's `printf` for the verbs that formats use: s v d q t f g x X c, with flags, width and precision.

use serde_json::Value;

use crate::print;

/// Widths and precisions beyond this are cut: a format is not a way to fill the memory.
const MAX_WIDTH: usize = 1024;

/// One directive such as `%-10.3s`.
#[derive(Default)]
struct Directive {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

/// Formats `args` by `format`; errors show inside the text, as Go's do.
pub(crate) fn printf(format: &str, args: &[Value]) -> String {
    let mut out = String::new();
    let mut args = args.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut directive = Directive::default();
        while let Some(flag) = chars.peek().copied().filter(|c| "-+0 #".contains(*c)) {
            match flag {
                '-' => directive.left = true,
                '0' => directive.zero = true,
                '+' => directive.plus = true,
                _ => {}
            }
            chars.next();
        }
        directive.width = number(&mut chars).unwrap_or(0);
        if chars.peek() == Some(&'.') {
            chars.next();
            directive.precision = Some(number(&mut chars).unwrap_or(0));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match args.next() {
                Some(value) => out.push_str(&directive.apply(verb, value)),
                None => out.push_str(&format!("%!{verb}(MISSING)")),
            },
        }
    }
    out
}

fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut value = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        let next = value.unwrap_or(0usize).saturating_mul(10).saturating_add(digit as usize);
        value = Some(next.min(MAX_WIDTH));
    }
    value
}

impl Directive {
    fn apply(&self, verb: char, value: &Value) -> String {
        let body = match (verb, value) {
            ('d', Value::Number(number)) if self.plus && number.as_i64().is_some_and(|n| n >= 0) => {
                format!("+{number}")
            }
            ('d', Value::Number(_)) | ('t', Value::Bool(_)) => print::text(value),
            ('q', _) => crate::text::quote(&print::text(value)),
            ('x', Value::Number(number)) => format!("{:x}", number.as_i64().unwrap_or(0)),
            ('X', Value::Number(number)) => format!("{:X}", number.as_i64().unwrap_or(0)),
            ('x', Value::String(text)) => text.bytes().map(|b| format!("{b:02x}")).collect(),
            ('c', Value::Number(number)) => number
                .as_u64()
                .and_then(|n| char::from_u32(u32::try_from(n).ok()?))
                .map(String::from)
                .unwrap_or_default(),
            ('f' | 'g' | 'e', Value::Number(number)) => self.float(verb, number.as_f64().unwrap_or(0.0)),
            ('s' | 'v', _) => match self.precision {
                Some(limit) => print::text(value).chars().take(limit).collect(),
                None => print::text(value),
            },
            (verb, value) => format!("%!{verb}({})", print::text(value)),
        };
        self.fill(body, value.is_number())
    }

    fn float(&self, verb: char, value: f64) -> String {
        match (verb, self.precision) {
            ('f', precision) => format!("{value:.*}", precision.unwrap_or(6)),
            ('g', Some(digits)) => crate::text::significant(value, digits),
            _ => value.to_string(),
        }
    }

    fn fill(&self, body: String, is_number: bool) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        if missing == 0 {
            return body;
        }
        if self.left {
            return body + &" ".repeat(missing);
        }
        match body.strip_prefix(['-', '+']) {
            Some(digits) if self.zero && is_number => {
                format!("{}{}{digits}", &body[..1], "0".repeat(missing))
            }
            None if self.zero && is_number => "0".repeat(missing) + &body,
            _ => " ".repeat(missing) + &body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn formats_like_go() {
        let table = [
            ("%s", json!("a"), "a"),
            ("%5s|", json!("ab"), "   ab|"),
            ("%-5s|", json!("ab"), "ab   |"),
            ("%.1s", json!("ab"), "a"),
            ("%05d", json!(-42), "-0042"),
            ("%+d", json!(3), "+3"),
            ("%x", json!(255), "ff"),
            ("%q", json!("a\"b\n"), r#""a\"b\n""#),
            ("%.2f", json!(2.71), "2.71"),
            ("%.1f", json!(2.71), "2.7"),
            ("%v", json!(["a", 1]), "[a 1]"),
            ("%v", json!({"b": 1, "a": null}), "map[a:<nil> b:1]"),
            ("%d", json!("x"), "%!d(x)"),
            ("100%%", json!(0), "100%"),
        ];
        for (format, value, want) in table {
            assert_eq!(printf(format, &[value]), want, "{format}");
        }
        assert_eq!(printf("%s", &[]), "%!s(MISSING)");
    }
}
