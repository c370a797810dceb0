//! Names of images: `[domain/]path[:tag][@digest]`, and Docker's short forms of them.
//!
//! Inputs: what users type. Outputs: [`Reference`], always in the long form, and its familiar short form.
//! The grammar is that of distribution's `reference` package. It is parsed by hand: the regular expression that
//! describes it takes several megabytes once compiled, more than all else that an idle daemon keeps of this room.

use std::fmt;

use crate::{Error, Result, digest::Digest};

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const DEFAULT_TAG: &str = "latest";

/// Longest repository path, in bytes.
const MAX_PATH_BYTES: usize = 255;
/// Longest tag, in bytes.
const MAX_TAG_BYTES: usize = 128;

/// A name in its long form: `docker.io/library/busybox`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reference {
    /// The registry, `docker.io` or `host[:port]`.
    pub(crate) domain: String,
    /// The repository within it, `library/busybox`.
    pub(crate) path: String,
    /// The tag, if one was given.
    pub(crate) tag: Option<String>,
    /// The digest of a manifest, if one was given.
    pub(crate) digest: Option<Digest>,
}

impl Reference {
    /// Reads a name as users type it; fills in docker.io and `library/`, but no tag.
    pub(crate) fn parse(text: &str) -> Result<Reference> {
        if Digest::from_hex(text).is_some() {
            let words = format!(": repository name ({text}) cannot be 64 hexadecimal digits");
            return Err(Error::InvalidReference(words));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        let (domain, rest) = split_domain(name);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest.as_str(), None),
        };
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(Error::InvalidReference(format!(": repository name ({path}) must be lowercase")));
        }
        if path.len() > MAX_PATH_BYTES {
            let words = format!(": repository name must not be more than {MAX_PATH_BYTES} characters");
            return Err(Error::InvalidReference(words));
        }
        if !is_domain(&domain) || !path.split('/').all(is_path_component) || !tag.is_none_or(is_tag) {
            return Err(Error::InvalidReference(String::new()));
        }
        Ok(Reference { domain, path: path.to_owned(), tag: tag.map(str::to_owned), digest })
    }

    /// The same name with tag `latest` if it has neither tag nor digest.
    pub(crate) fn or_latest(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same repository under a digest alone.
    pub(crate) fn at(&self, digest: Digest) -> Reference {
        Reference { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The repository in its long form, `docker.io/library/busybox`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The repository as users know it, `busybox`.
    pub(crate) fn familiar_repository(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.repository();
        }
        // Its short form would be the name of an image of another registry.
        if self.path.split_once('/').is_some_and(|(first, _)| looks_like_host(first)) {
            return self.repository();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(short) if !short.contains('/') => short.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The whole name as users know it, `busybox:latest`.
    pub(crate) fn familiar(&self) -> String {
        format!("{}{}", self.familiar_repository(), Suffix(self))
    }

    /// True for images of docker.io.
    pub(crate) fn is_docker_hub(&self) -> bool {
        self.domain == DEFAULT_DOMAIN
    }
}

/// The long form, which is the key of the metadata.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, Suffix(self))
    }
}

/// `:tag` and `@digest`, each if present.
struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.0.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The first part is a registry if it looks like a host: `localhost`, a dot, a port, or capitals.
fn split_domain(name: &str) -> (String, String) {
    let (domain, rest) = match name.split_once('/') {
        Some((first, rest)) if looks_like_host(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, name),
    };
    let domain = if domain == LEGACY_DOMAIN { DEFAULT_DOMAIN } else { domain };
    let official = domain == DEFAULT_DOMAIN && !rest.contains('/');
    (domain.to_owned(), if official { format!("{OFFICIAL_PREFIX}{rest}") } else { rest.to_owned() })
}

fn looks_like_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    if let Some(rest) = domain.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let plain = address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        return plain
            && !address.is_empty()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = match domain.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (domain, None),
    };
    port.is_none_or(is_port) && host.split('.').all(is_host_label)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_host_label(label: &str) -> bool {
    let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

/// Runs of letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(part: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = part.as_bytes();
    loop {
        let run = rest.iter().take_while(|b| word(**b)).count();
        if run == 0 {
            return false;
        }
        rest = &rest[run..];
        if rest.is_empty() {
            return true;
        }
        let joint = rest.iter().take_while(|b| !word(**b)).count();
        let joined = &rest[..joint];
        if !(joined == b"." || joined == b"_" || joined == b"__" || joined.iter().all(|b| *b == b'-')) {
            return false;
        }
        rest = &rest[joint..];
    }
}

pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let inner = tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    inner && tag.len() <= MAX_TAG_BYTES && tag.bytes().next().is_some_and(word)
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
