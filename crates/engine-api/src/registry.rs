//! Registries: logins, searches, what they have under a name.

use serde::{Deserialize, Serialize};

use crate::Filters;

/// The answer to `POST /auth`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AuthResponse {
    /// A token that stands in for the password from now on; empty if there is none.
    pub identity_token: String,
    /// What to tell the user.
    pub status: String,
}

/// Parameters of `GET /images/search`, its header of credentials included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageSearchQuery {
    /// What to search for.
    pub term: String,
    /// How many results at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `is-automated`, `is-official`, `stars`.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
    /// Credentials, as base64url of JSON.
    #[serde(rename = "X-Registry-Auth", skip_serializing)]
    pub registry_auth: String,
}

/// One result of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchResult {
    /// How many people like it.
    pub star_count: u64,
    /// True for those that Docker looks after.
    pub is_official: bool,
    /// Its name.
    pub name: String,
    /// True for those that are built by themselves.
    pub is_automated: bool,
    /// What its makers say.
    pub description: String,
}

/// Parameters of `GET /distribution/{name}/json`: its header of credentials.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DistributionQuery {
    /// Credentials, as base64url of JSON.
    #[serde(rename = "X-Registry-Auth", skip_serializing)]
    pub registry_auth: String,
}

/// What a registry has under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DistributionInspect {
    /// The manifest or index.
    pub descriptor: DistributionDescriptor,
    /// The platforms of its images.
    pub platforms: Vec<DistributionPlatform>,
}

/// A pointer to content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DistributionDescriptor {
    /// What it is.
    pub media_type: String,
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// One platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DistributionPlatform {
    /// `amd64`…
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v8`…
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}
