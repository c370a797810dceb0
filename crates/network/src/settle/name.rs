//! Names of networks and of interfaces.

use crate::{Error, Result};

/// The kernel refuses longer names of interfaces.
pub(crate) const INTERFACE_NAME_LIMIT: usize = 15;
/// Longer names of networks help nobody.
const NAME_LIMIT: usize = 255;
/// How much of a network's id is in its bridge's name.
const ID_DIGITS: usize = 8;

/// Whether a network may have this name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| !c.is_control() && c != '/';
    if name.trim().is_empty() || name.len() > NAME_LIMIT || !name.chars().all(is_plain) {
        let reason =
            if name.trim().is_empty() { "name is empty" } else { "it has characters no name may have" };
        return Err(Error::InvalidRequest(format!("invalid network name {name:?}: {reason}")));
    }
    Ok(())
}

/// Checks a name for an interface that a user chose.
pub(crate) fn interface_name(name: &str) -> Result<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty()
        || name.len() > INTERFACE_NAME_LIMIT
        || !name.bytes().all(is_plain)
        || ["lo", ".", ".."].contains(&name)
    {
        return Err(Error::InvalidRequest(format!(
            "invalid interface name {name:?}: at most {INTERFACE_NAME_LIMIT} letters, digits, '-', '_' and '.'"
        )));
    }
    Ok(name)
}

/// The user's name for a bridge, or one that tells daemon and network.
pub(super) fn bridge_name(wish: Option<&str>, prefix: &str, id: &str) -> Result<String> {
    match wish {
        Some(name) => interface_name(name).map(str::to_owned),
        None => Ok(format!("{prefix}{}", &id[..ID_DIGITS])),
    }
}
