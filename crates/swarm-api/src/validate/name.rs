//! Names of services and nodes.

use super::{Invalid, Verdict};
use crate::pb;

const MAX_LEN: usize = 63;

pub(super) fn check(annotations: Option<&pb::Annotations>) -> Verdict {
    let name = annotations.map_or("", |annotations| annotations.name.as_str());
    if name.is_empty() {
        return Err(Invalid::new("meta: name must be provided"));
    }
    if !is_dns_component(name) {
        return Err(Invalid::new("name must be valid as a DNS name component"));
    }
    if name.len() > MAX_LEN {
        return Err(Invalid::new("name must be 63 characters or fewer"));
    }
    Ok(())
}

/// Letters and digits, with dashes and underscores between them.
fn is_dns_component(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.iter().all(|byte| inner(*byte)) && outer(bytes.first()) && outer(bytes.last())
}
