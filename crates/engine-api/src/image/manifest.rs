//! The manifests of an image, as lists and inspect tell them.

use serde::{Deserialize, Serialize};

/// Content by digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type.
    pub media_type: String,
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// What it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<OciPlatform>,
}

/// What something runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OciPlatform {
    /// `amd64`…
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// `v8`…
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// One manifest of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageManifest {
    /// Its digest.
    #[serde(rename = "ID")]
    pub id: String,
    /// The same, with its size.
    pub descriptor: Descriptor,
    /// All that belongs to it is here.
    pub available: bool,
    /// Bytes on the disk.
    pub size: ManifestSize,
    /// `image`.
    pub kind: String,
    /// What only images have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_data: Option<ManifestImage>,
}

/// Bytes of a manifest and what belongs to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestSize {
    /// Blobs and unpacked layers.
    pub total: i64,
    /// Blobs.
    pub content: i64,
}

/// What only the manifests of images have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestImage {
    /// What it runs on.
    pub platform: OciPlatform,
    /// Ids of the containers that use it.
    pub containers: Vec<String>,
    /// Bytes.
    pub size: UnpackedSize,
}

/// Bytes of unpacked layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UnpackedSize {
    /// Of all of them.
    pub unpacked: i64,
}
