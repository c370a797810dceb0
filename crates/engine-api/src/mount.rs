//! What is mounted into a container: the request's form, and the form in which it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unread::Ignored;

/// A mount as it is asked for, in containers and in services.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs` or `image`; other kinds are refused.
    #[serde(rename = "Type")]
    pub kind: String,
    /// A path on the host, for `bind`; a name, for `volume` and `image`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Not writable.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Without meaning on Linux.
    #[serde(skip_serializing)]
    pub consistency: Ignored,
    /// For `bind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_options: Option<BindOptions>,
    /// For `volume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_options: Option<VolumeOptions>,
    /// For `image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_options: Option<ImageOptions>,
    /// For `tmpfs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

/// Options of a bind mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BindOptions {
    /// `private`, `rprivate`, `shared`, `rshared`, `slave` or `rslave`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub propagation: String,
    /// Without the mounts below the source.
    #[serde(skip_serializing_if = "is_false")]
    pub non_recursive: bool,
    /// Make the source where it is missing.
    #[serde(skip_serializing_if = "is_false")]
    pub create_mountpoint: bool,
    /// Read-only, but not the mounts below the source.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only_non_recursive: bool,
    /// Read-only with the mounts below the source, or not at all.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only_force_recursive: bool,
}

/// Options of a volume mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeOptions {
    /// An empty volume is not filled from the image.
    #[serde(skip_serializing_if = "is_false")]
    pub no_copy: bool,
    /// Labels, if the volume is made.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its driver, if it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_config: Option<DriverConfig>,
    /// A path within the volume.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subpath: String,
}

/// The driver of a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DriverConfig {
    /// `local` or empty.
    pub name: String,
    /// Its options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// Options of an image mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageOptions {
    /// A path within the image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subpath: String,
}

/// Options of a tmpfs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TmpfsOptions {
    /// Zero: the kernel's default.
    #[serde(skip_serializing_if = "is_zero")]
    pub size_bytes: i64,
    /// Permission bits, as a plain number.
    #[serde(skip_serializing_if = "is_zero_u32")]
    pub mode: u32,
    /// Options of mount(8): each one word, or a key and its value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Vec<String>>,
}

/// A mount as it is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MountPoint {
    /// `bind`, `tmpfs`, `volume`, `image`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Name of the volume, or of the image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// The volume's driver.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// The options as they were written after the last colon.
    pub mode: String,
    /// Writable.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// How mounts spread.
    pub propagation: String,
}

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn is_zero_u32(value: &u32) -> bool {
    *value == 0
}
