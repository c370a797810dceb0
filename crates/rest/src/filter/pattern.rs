//! Filters by name, which clients write as regular expressions (`^/web$`), and by reference, which they write as globs.

use regex_lite::Regex;

use crate::failure::Failure;

/// Longest expression that is taken, in bytes.
const LENGTH_LIMIT: usize = 1024;

/// Names to look for: any one is enough, and none lets everything pass.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<Name>);

#[derive(Debug)]
struct Name {
    text: String,
    expression: Option<Regex>,
}

impl Names {
    /// Reads the values of a filter; what is no expression is only compared.
    pub(crate) fn new(filter: &str, values: &[String]) -> Result<Self, Failure> {
        let mut names = Vec::with_capacity(values.len());
        for text in values {
            if text.len() > LENGTH_LIMIT {
                return Err(Failure::invalid(format!(
                    "filter '{filter}' is longer than {LENGTH_LIMIT} bytes"
                )));
            }
            names.push(Name { text: text.clone(), expression: Regex::new(text).ok() });
        }
        Ok(Self(names))
    }

    /// Whether one of them fits the name or any other of its forms.
    pub(crate) fn fit<'n>(&self, forms: impl IntoIterator<Item = &'n str> + Clone) -> bool {
        let fits = |name: &Name, form: &str| {
            name.text == form || name.expression.as_ref().is_some_and(|e| e.is_match(form))
        };
        self.0.is_empty() || self.0.iter().any(|name| forms.clone().into_iter().any(|form| fits(name, form)))
    }
}

/// Whether a text fits a glob: `*` is any number of characters but slashes, `?` is one of them, `[a-c]` one of a set.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut expression = String::from("^");
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => {
                expression.push('[');
                for inner in rest.by_ref() {
                    expression.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            other => expression.push_str(&regex_lite::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    pattern.len() <= LENGTH_LIMIT && Regex::new(&expression).is_ok_and(|e| e.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(value: &str, name: &str) -> bool {
        let slashed = format!("/{name}");
        Names::new("name", &[value.to_owned()]).expect("names").fit([name, slashed.as_str()])
    }

    #[test]
    fn names_are_expressions() {
        assert!(fit("web", "web-1") && fit("^/web$", "web") && fit("^web$", "web"));
        assert!(!fit("^web$", "web-1") && !fit("db", "web"));
        assert!(fit("w[", "w["), "what is no expression is compared");
        assert!(Names::default().fit(["anything"]));
    }

    #[test]
    fn references_are_globs() {
        assert!(glob("busy*", "busybox") && glob("*:lat*", "busybox:latest") && glob("b?sybox", "busybox"));
        assert!(glob("[ab]usybox", "busybox") && !glob("busy", "busybox") && !glob("*", "a/b"));
    }
}
