//! Files in and out of a container.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::mount::is_false;

/// What a path in a container is; travels as base64 of its JSON in a header.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPathStat {
    /// The last part of the path.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// Go's `os.FileMode`.
    pub mode: u32,
    /// When its contents changed last.
    pub mtime: Timestamp,
    /// Where a link leads.
    pub link_target: String,
}

/// Of `HEAD` and `GET /containers/{id}/archive`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchiveQuery {
    /// In the container.
    pub path: String,
}

/// Of `PUT /containers/{id}/archive`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtractQuery {
    /// A directory in the container.
    pub path: String,
    /// A directory in the place of something else, or the other way round, is an error.
    #[serde(rename = "noOverwriteDirNonDir", skip_serializing_if = "is_false")]
    pub no_overwrite_dir_non_dir: bool,
    /// Everything becomes the container's user's.
    #[serde(rename = "copyUIDGID", skip_serializing_if = "is_false")]
    pub copy_uid_gid: bool,
}
