//! Secrets and configs: files that tasks are given. The two have the same shape.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ObjectVersion;
use crate::unread::{Absent, Unread};
use crate::{Filters, Timestamp};

/// One secret or config.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct File {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// For updates.
    pub version: ObjectVersion,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The user's wishes.
    pub spec: FileSpec,
}

/// The wishes for a secret or a config.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FileSpec {
    /// Unique among its kind.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What it holds: base64 of the standard alphabet. Never told of a secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// Another store of secrets: not honoured yet.
    #[serde(skip_serializing)]
    pub driver: Unread<(), Absent>,
    /// What the data is a template of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templating: Option<Templating>,
}

/// Without the data, which must be in no log.
impl fmt::Debug for FileSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FileSpec")
            .field("name", &self.name)
            .field("labels", &self.labels)
            .field("templating", &self.templating)
            .finish_non_exhaustive()
    }
}

/// The language of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Templating {
    /// `golang`.
    pub name: String,
    /// Not honoured yet: no language has any.
    #[serde(skip_serializing)]
    pub options: Unread,
}

/// The answer to a creation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileCreateResponse {
    /// The new one's id.
    #[serde(rename = "ID")]
    pub id: String,
}

/// Which are listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FileListQuery {
    /// `id`, `label`, `name`, `names`.
    pub filters: Filters,
}

/// Which version an update was made from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FileUpdateQuery {
    /// Another one is refused.
    pub version: u64,
}

/// A secret that a container is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretReference {
    /// Where and whose.
    #[serde(rename = "File", skip_serializing_if = "Option::is_none")]
    pub file: Option<FileTarget>,
    /// Which one.
    #[serde(rename = "SecretID")]
    pub secret_id: String,
    /// Its name.
    #[serde(rename = "SecretName")]
    pub secret_name: String,
}

/// A config that a container is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigReference {
    /// Where and whose.
    #[serde(rename = "File", skip_serializing_if = "Option::is_none")]
    pub file: Option<FileTarget>,
    /// For the runtime instead of the container; only of credential specs, which only Windows has.
    #[serde(rename = "Runtime", skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeTarget>,
    /// Which one.
    #[serde(rename = "ConfigID")]
    pub config_id: String,
    /// Its name.
    #[serde(rename = "ConfigName")]
    pub config_name: String,
}

/// That a config is for the runtime: its presence says all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeTarget {}

/// Where a container finds a file, and whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileTarget {
    /// Its path: absolute, or beneath `/run/secrets` (secrets) or `/` (configs).
    #[serde(rename = "Name")]
    pub name: String,
    /// The owner's number.
    #[serde(rename = "UID")]
    pub uid: String,
    /// The group's number.
    #[serde(rename = "GID")]
    pub gid: String,
    /// Who may read it.
    #[serde(rename = "Mode")]
    pub mode: u32,
}
