//! What a registry's refusal means, in Docker's words. Pure.

use serde::Deserialize;

use crate::{Error, reference::Reference};

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    errors: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

/// Longest foreign text in an error, in characters.
const SHOWN: usize = 300;

/// The error behind an answer that is no success.
pub(crate) fn read(status: u16, body: &[u8], url: &str, reference: &Reference) -> Error {
    let first =
        serde_json::from_slice::<Envelope>(body).ok().and_then(|envelope| envelope.errors.into_iter().next());
    let (code, detail) = match first {
        Some(item) => {
            let words = item.code.to_ascii_lowercase().replace('_', " ");
            let message = item.message.unwrap_or_default();
            (item.code.to_ascii_uppercase(), shorten(&format!("{words}: {message}")))
        }
        None if status == 404 => (String::new(), "manifest unknown: manifest unknown".to_owned()),
        None => {
            (String::new(), shorten(&format!("status {status}: {}", String::from_utf8_lossy(body).trim())))
        }
    };
    let repository = || reference.familiar_repository();
    match (code.as_str(), status) {
        ("MANIFEST_UNKNOWN" | "NOT_FOUND", _) => {
            Error::ManifestUnknown { reference: reference.familiar(), detail }
        }
        ("NAME_UNKNOWN" | "DENIED" | "UNAUTHORIZED", _) | (_, 401 | 403) => {
            Error::AccessDenied { repository: repository(), detail }
        }
        ("", 404) => Error::ManifestUnknown { reference: reference.familiar(), detail },
        _ => Error::Registry { url: url.to_owned(), detail },
    }
}

/// Foreign text, made short and free of control characters.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(status: u16, body: &str) -> String {
        let reference = Reference::parse("localhost:5000/x").unwrap().or_latest();
        read(status, body.as_bytes(), "http://localhost:5000/v2/", &reference).to_string()
    }

    #[test]
    fn docker_words() {
        assert_eq!(
            words(
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"latest"}}]}"#
            ),
            "manifest for localhost:5000/x:latest not found: manifest unknown: manifest unknown"
        );
        assert_eq!(
            words(
                401,
                r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#
            ),
            "pull access denied for localhost:5000/x, repository does not exist or may require 'docker login': \
             denied: requested access to the resource is denied"
        );
        assert_eq!(
            words(429, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#),
            "error from registry http://localhost:5000/v2/: toomanyrequests: slow down"
        );
        assert!(words(404, "<html>").contains("manifest unknown"));
        assert!(words(500, "\u{1b}[31mred").ends_with("status 500: [31mred"));
    }
}
