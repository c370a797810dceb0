//! What a container changed of its image, and an image of it.

use serde::{Deserialize, Serialize};

/// One change of a container's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FilesystemChange {
    /// Absolute.
    pub path: String,
    /// 0 modified, 1 added, 2 deleted.
    pub kind: u8,
}

/// Of `POST /commit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommitQuery {
    /// Which.
    pub container: String,
    /// Name of the image; empty: none.
    pub repo: String,
    /// Its tag; empty: `latest`.
    pub tag: String,
    /// A free comment.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// Whether the container's processes stand still meanwhile; absent: yes.
    pub pause: Option<bool>,
    /// Instructions of a Dockerfile.
    pub changes: Vec<String>,
}

/// The answer to a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CommitResponse {
    /// Id of the image.
    pub id: String,
}
