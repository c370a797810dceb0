//! Percent-encoding for paths and queries.

/// Encodes everything that is not a letter, a digit or one of `-_.~`.
pub(crate) fn encode(text: &str) -> String {
    escape(text, "")
}

/// Encodes one name for use in a path: image names keep their slashes, colons and `@`.
pub(crate) fn encode_path(text: &str) -> String {
    escape(text, "/:@")
}

fn escape(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) || keep.contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes() {
        assert_eq!(encode("a b/{\"x\"}é"), "a%20b%2F%7B%22x%22%7D%C3%A9");
        assert_eq!(encode_path("localhost:5000/a/b@sha256:1?x"), "localhost:5000/a/b@sha256:1%3Fx");
    }
}
