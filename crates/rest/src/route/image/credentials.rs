//! Credentials for a registry, as clients send them: the header `X-Registry-Auth`, base64url of JSON.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine};
use engine_api::auth::AuthConfig;
use engine_api::decode;
use image::RegistryAuth;

use crate::failure::Failure;

/// Clients encode credentials as base64url, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
);
/// Largest header of credentials, in bytes.
const AUTH_LIMIT: usize = 32 * 1024;

/// Reads the header; none if it says nothing. What it says reaches neither logs nor errors.
pub(in crate::route) fn credentials(header: &str) -> Result<Option<RegistryAuth>, Failure> {
    if header.is_empty() {
        return Ok(None);
    }
    let wrong = |reason: String| Failure::invalid(format!("invalid X-Registry-Auth header: {reason}"));
    if header.len() > AUTH_LIMIT {
        return Err(wrong(format!("longer than {AUTH_LIMIT} bytes")));
    }
    let json = BASE64.decode(header).map_err(|error| wrong(error.to_string()))?;
    let auth: AuthConfig = decode::from_json(&json).map_err(|error| wrong(error.to_string()))?;
    if auth == AuthConfig::default() {
        return Ok(None);
    }
    Ok(Some(given(auth)))
}

/// As [`credentials`], for who answers no request.
///
/// # Errors
/// What is wrong with the header.
pub fn registry_auth(header: &str) -> Result<Option<RegistryAuth>, String> {
    credentials(header).map_err(|failure| failure.message)
}

/// The same as the image room has it.
pub(in crate::route) fn given(auth: AuthConfig) -> RegistryAuth {
    RegistryAuth {
        username: auth.username,
        password: auth.password,
        identity_token: auth.identitytoken,
        registry_token: auth.registrytoken,
        server_address: auth.serveraddress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_padded_and_not() {
        let header = BASE64.encode(r#"{"username":"a","password":"b?>","serveraddress":"r"}"#);
        let auth = credentials(&header).expect("padded").expect("some");
        assert_eq!((auth.username.as_str(), auth.password.as_str()), ("a", "b?>"));
        assert!(credentials(header.trim_end_matches('=')).expect("bare").is_some());
        assert!(credentials(&BASE64.encode("{}")).expect("empty").is_none());
        assert!(credentials("%%%").is_err() && credentials(&BASE64.encode("[]")).is_err());
    }
}
