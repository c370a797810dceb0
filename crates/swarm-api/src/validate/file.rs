//! Secrets and configs, and how services refer to them; in swarmkit's words.

use std::collections::BTreeMap;

use super::{Invalid, Verdict};
use crate::pb;

/// A secret is smaller than so many bytes, as swarmkit's.
pub const SECRET_LIMIT: usize = 500 * 1024;
/// A config is smaller than so many bytes, as swarmkit's.
pub const CONFIG_LIMIT: usize = 1000 * 1024;
/// Characters of a name.
const MAX_LEN: usize = 64;
/// The one language of templates.
const GOLANG: &str = "golang";

pub(super) fn check(what: &str, limit: usize, spec: &pb::FileSpec) -> Verdict {
    check_name(spec.annotations.as_ref().map_or("", |annotations| &annotations.name))?;
    if spec.data.is_empty() || spec.data.len() >= limit {
        return Err(Invalid::new(format!("{what} data must be larger than 0 and less than {limit} bytes")));
    }
    if !matches!(spec.templating.as_str(), "" | GOLANG) {
        return Err(Invalid::new(format!(
            "unknown template driver {:?} of a {what}: there is {GOLANG:?}",
            spec.templating
        )));
    }
    Ok(())
}

fn check_name(name: &str) -> Verdict {
    if name.is_empty() {
        return Err(Invalid::new("name must be provided"));
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.len() > MAX_LEN
        || !bytes.iter().all(|byte| inner(*byte))
        || !outer(bytes.first())
        || !outer(bytes.last())
    {
        return Err(Invalid::new(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]",
        ));
    }
    Ok(())
}

/// What a container is to have as files: whole, and no two in one place.
pub(super) fn check_references(what: &str, references: &[pb::FileReference]) -> Verdict {
    let mut targets: BTreeMap<&str, &str> = BTreeMap::new();
    for reference in references {
        if reference.id.is_empty() || reference.name.is_empty() {
            return Err(Invalid::new(format!("malformed {what} reference")));
        }
        if !is_target(&reference.target) {
            return Err(Invalid::new(format!(
                "malformed file {what} reference, invalid target file name provided"
            )));
        }
        for (kind, number) in [("UID", &reference.uid), ("GID", &reference.gid)] {
            if !number.is_empty() && number.parse::<u32>().is_err() {
                return Err(Invalid::new(format!(
                    "invalid {kind} {number:?} of the {what} {}",
                    reference.name
                )));
            }
        }
        if let Some(other) = targets.insert(&reference.target, &reference.name) {
            return Err(Invalid::new(format!(
                "{what} references '{other}' and '{}' have a conflicting target: '{}'",
                reference.name, reference.target
            )));
        }
    }
    Ok(())
}

/// A file's place: it names a file, and climbs nowhere.
fn is_target(target: &str) -> bool {
    let mut parts = target.split('/').peekable();
    let last_is_name = target.split('/').next_back().is_some_and(|last| !matches!(last, "" | "."));
    last_is_name && !target.contains('\0') && parts.all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, size: usize) -> pb::FileSpec {
        let annotations = Some(pb::Annotations { name: name.to_owned(), ..Default::default() });
        pb::FileSpec { annotations, data: vec![0; size], ..Default::default() }
    }

    fn words(verdict: Verdict) -> String {
        verdict.map_or_else(|invalid| invalid.to_string(), |()| String::new())
    }

    #[test]
    fn names_and_sizes_are_swarmkits() {
        for name in ["a", "a.b", "A-1_b", &"x".repeat(64)] {
            assert_eq!(words(check("secret", SECRET_LIMIT, &spec(name, 1))), "", "{name}");
        }
        for name in ["", "-a", "a.", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(words(check("secret", SECRET_LIMIT, &spec(name, 1))).contains("name"), "{name}");
        }
        let size = |bytes| words(check("secret", SECRET_LIMIT, &spec("a", bytes)));
        assert_eq!(size(0), "secret data must be larger than 0 and less than 512000 bytes");
        assert_eq!((size(511_999), size(512_000).is_empty()), (String::new(), false));
        let foreign = pb::FileSpec { templating: "jinja".to_owned(), ..spec("a", 1) };
        assert!(words(check("config", CONFIG_LIMIT, &foreign)).contains("jinja"));
    }

    #[test]
    fn two_files_in_one_place_are_refused() {
        let reference = |name: &str, target: &str| pb::FileReference {
            id: format!("id-{name}"),
            name: name.to_owned(),
            target: target.to_owned(),
            ..Default::default()
        };
        let twice = [reference("a", "t"), reference("b", "t")];
        let want = "secret references 'a' and 'b' have a conflicting target: 't'";
        assert_eq!(words(check_references("secret", &twice)), want);
        for target in ["", "/", "a/", "../a", "/a/../b", "a\0", "."] {
            assert!(!words(check_references("config", &[reference("a", target)])).is_empty(), "{target:?}");
        }
        for target in ["a", "/etc/a.conf", "a/b", "..a"] {
            assert_eq!(words(check_references("config", &[reference("a", target)])), "", "{target:?}");
        }
        let odd = pb::FileReference { uid: "root".to_owned(), ..reference("a", "t") };
        assert!(words(check_references("secret", &[odd])).contains("UID"));
        assert_eq!(
            words(check_references("secret", &[pb::FileReference::default()])),
            "malformed secret reference"
        );
    }
}
