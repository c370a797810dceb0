//! What a registry's refusal means, in Docker's words. Pure.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::auth::Access;
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

/// The pause that `Retry-After` asks for, if it says so in seconds. A date is not worth a parser: the usual pause serves.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The error behind an answer that is no success.
pub(crate) fn read(
    status: u16,
    body: &[u8],
    url: &str,
    reference: &Reference,
    access: Access,
    retry_after: Option<Duration>,
) -> Error {
    let (code, detail) = words(status, body);
    if status == 429 || status >= 500 {
        return Error::Busy { url: url.to_owned(), detail, retry_after };
    }
    let (repository, name) = (reference.familiar_repository(), reference.familiar());
    match (code.as_str(), status, access) {
        ("DENIED" | "UNAUTHORIZED", _, Access::Push) | (_, 401 | 403, Access::Push) => Error::Denied(detail),
        ("MANIFEST_UNKNOWN" | "NOT_FOUND", ..) => Error::ManifestUnknown { reference: name, detail },
        ("NAME_UNKNOWN" | "DENIED" | "UNAUTHORIZED", ..) | (_, 401 | 403, _) => {
            Error::AccessDenied { repository, detail }
        }
        ("", 404, _) => Error::ManifestUnknown { reference: name, detail },
        _ => Error::Registry { url: url.to_owned(), detail },
    }
}

/// The first code of an explanation, and what it says in words.
fn words(status: u16, body: &[u8]) -> (String, String) {
    let first =
        serde_json::from_slice::<Envelope>(body).ok().and_then(|envelope| envelope.errors.into_iter().next());
    match first {
        Some(item) => {
            let words = item.code.to_ascii_lowercase().replace('_', " ");
            let message = item.message.unwrap_or_default();
            (item.code.to_ascii_uppercase(), shorten(&format!("{words}: {message}")))
        }
        None if status == 404 => (String::new(), "manifest unknown: manifest unknown".to_owned()),
        None => {
            (String::new(), shorten(&format!("status {status}: {}", String::from_utf8_lossy(body).trim())))
        }
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
        words_of(Access::Pull, status, body)
    }

    fn words_of(access: Access, status: u16, body: &str) -> String {
        let reference = Reference::parse("localhost:5000/x").unwrap().or_latest();
        read(status, body.as_bytes(), "http://localhost:5000/v2/", &reference, access, None).to_string()
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

    #[test]
    fn a_refused_push_says_only_what_the_registry_says() {
        let denied =
            r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        let words = |status| words_of(Access::Push, status, denied);
        assert_eq!(words(401), "denied: requested access to the resource is denied");
        assert_eq!(words(403), "denied: requested access to the resource is denied");
    }

    #[test]
    fn pauses_are_bounded() {
        let pause = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(
                RETRY_AFTER,
                reqwest::header::HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(pause("3"), Some(Duration::from_secs(3)));
        assert_eq!(pause("99999999"), Some(Duration::from_secs(99_999_999)));
        assert_eq!((pause("Wed, 21 Oct 2026 07:28:00 GMT"), pause("-1")), (None, None));
    }
}
