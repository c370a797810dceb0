//! Credentials for a registry, as the `X-Registry-Auth` header and `POST /auth` carry them.

use serde::{Deserialize, Serialize};

/// Credentials for one registry.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AuthConfig {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// The registry these are for.
    pub serveraddress: String,
    /// A refresh token, instead of name and password.
    pub identitytoken: String,
    /// A bearer token to send as it is.
    pub registrytoken: String,
}

impl std::fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("serveraddress", &self.serveraddress)
            .finish_non_exhaustive()
    }
}
