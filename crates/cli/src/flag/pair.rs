//! `key=value` pairs: labels, log options, sysctls, filters.

use std::collections::BTreeMap;

use super::FlagError;

/// Checks a label: `key` or `key=value`.
pub(crate) fn label(input: &str) -> Result<(String, String), FlagError> {
    let (key, value) = input.split_once('=').unwrap_or((input, ""));
    if key.trim().is_empty() {
        return Err(FlagError::Pair { input: input.to_owned() });
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Checks a pair that needs both halves.
pub(crate) fn strict(input: &str) -> Result<(String, String), FlagError> {
    if input.contains('=') { label(input) } else { Err(FlagError::Pair { input: input.to_owned() }) }
}

/// Checks a filter.
pub(crate) fn filter(input: &str) -> Result<(String, String), FlagError> {
    match input.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err(FlagError::Filter { input: input.to_owned() }),
    }
}

/// Labels of files, then of flags; the later wins.
pub(crate) fn labels(
    files: &[String],
    flags: &[(String, String)],
) -> Result<BTreeMap<String, String>, FlagError> {
    let mut out = BTreeMap::new();
    for path in files {
        for (number, line) in super::file::lines(path)? {
            let reason = "key or key=value is expected";
            let pair =
                label(&line).map_err(|_| FlagError::File { path: path.clone(), line: number, reason })?;
            // As Docker reads such files: a key alone says nothing.
            if line.contains('=') {
                out.insert(pair.0, pair.1);
            }
        }
    }
    out.extend(flags.iter().cloned());
    Ok(out)
}

/// Filters as the API wants them: name → the set of its values; empty text when there are none.
pub(crate) fn filters(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut all: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for (key, value) in pairs {
        all.entry(key).or_default().insert(value, true);
    }
    serde_json::json!(all).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        assert_eq!(label("a"), Ok(("a".into(), String::new())));
        assert_eq!(label("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(label("=b").is_err());
        assert!(strict("a").is_err());
        assert!(filter("name").is_err());
        let pairs = [filter("Name=a").unwrap(), filter("name=b").unwrap(), filter("label=x=y").unwrap()];
        assert_eq!(filters(&pairs), r#"{"label":{"x=y":true},"name":{"a":true,"b":true}}"#);
        assert_eq!(filters(&[]), "");
    }
}
