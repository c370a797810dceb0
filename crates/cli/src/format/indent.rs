//! Indents JSON without reading it into objects, so that the daemon's order of fields and spelling of numbers stay.

/// Indents by four spaces, as Docker's `inspect` does; `depth` levels stand around it already.
pub(crate) fn indent(json: &str, depth: usize) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = depth;
    let mut in_string = false;
    let mut escaped = false;
    let mut chars = json.chars().filter(|c| !matches!(c, '\n' | '\r')).peekable();
    let newline = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth));
    };
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                match chars.next_if(|c| matches!(c, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        newline(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                newline(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                newline(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn looks_like_docker_inspect() {
        let json = r#"{"Id":"a:,\"{","E":{},"L":[ ],"N":1.50,"A":[1,{"b":null}]}"#;
        let want = "{\n    \"Id\": \"a:,\\\"{\",\n    \"E\": {},\n    \"L\": [],\n    \"N\": 1.50,\n    \"A\": [\n        1,\n        {\n            \"b\": null\n        }\n    ]\n}";
        assert_eq!(indent(json, 0), want);
    }

    proptest! {
        #[test]
        fn the_value_stays(text in ".*", n in any::<i64>()) {
            let value = serde_json::json!({"a": [text.clone(), {"b": n}], text: []});
            let again: serde_json::Value = serde_json::from_str(&indent(&value.to_string(), 2)).unwrap();
            prop_assert_eq!(again, value);
        }
    }
}
