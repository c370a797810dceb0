//! Images.

mod manifest;

pub use manifest::{Descriptor, ImageManifest, ManifestImage, ManifestSize, OciPlatform, UnpackedSize};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::container::{DriverData, Empty};
use crate::unread::Unread;
use crate::{Filters, Timestamp};

/// One image in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageSummary {
    /// `sha256:…`.
    pub id: String,
    /// The image it was made from, if built here.
    pub parent_id: String,
    /// `name:tag`.
    pub repo_tags: Vec<String>,
    /// `name@digest`.
    pub repo_digests: Vec<String>,
    /// Seconds since the epoch.
    pub created: i64,
    /// Bytes of all layers.
    pub size: i64,
    /// Bytes shared with others; minus one: not computed.
    pub shared_size: i64,
    /// The same as `size`; gone since 1.44.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// How many containers use it; minus one: not computed.
    pub containers: i64,
    /// Its manifests, of which there is one for each platform that is here; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Vec<ImageManifest>>,
    /// What its names mean; since 1.48.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<Descriptor>,
}

/// One image, told in full.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageInspect {
    /// `sha256:…`.
    pub id: String,
    /// `name:tag`.
    pub repo_tags: Vec<String>,
    /// `name@digest`.
    pub repo_digests: Vec<String>,
    /// The image it was made from, if built here.
    pub parent: String,
    /// Its author's words.
    pub comment: String,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub author: String,
    /// Defaults of its containers.
    pub config: ImageConfig,
    /// `amd64`…
    pub architecture: String,
    /// `v8`…
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// `linux`.
    pub os: String,
    /// Bytes of all layers.
    pub size: i64,
    /// The same; gone since 1.44.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_size: Option<i64>,
    /// Where the root comes from.
    pub graph_driver: DriverData,
    /// Its layers.
    #[serde(rename = "RootFS")]
    pub root_fs: RootFs,
    /// What this machine knows of it.
    pub metadata: ImageMetadata,
    /// What its names mean; since 1.48.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<Descriptor>,
    /// Its manifests; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Vec<ImageManifest>>,
}

/// Defaults of an image's containers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageConfig {
    /// `user[:group]`.
    pub user: String,
    /// `port/protocol`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Command, or arguments of the entry point.
    pub cmd: Option<Vec<String>>,
    /// Paths that want a volume.
    pub volumes: Option<BTreeMap<String, Empty>>,
    /// Working directory.
    pub working_dir: String,
    /// Entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Instructions for images made from it.
    pub on_build: Option<Vec<String>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that stop sends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// The probe, as the image has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<serde_json::Value>,
    /// For the shell form of instructions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
}

/// An image's layers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Digests of the plain layers, lowest first.
    pub layers: Vec<String>,
}

/// What this machine knows of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageMetadata {
    /// When it got a name last.
    pub last_tag_time: Timestamp,
}

/// One step in the making of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageHistoryItem {
    /// Of the image, or `<missing>`.
    pub id: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// The instruction.
    pub created_by: String,
    /// Names of the image.
    pub tags: Option<Vec<String>>,
    /// Bytes.
    pub size: i64,
    /// A comment.
    pub comment: String,
}

/// One effect of a removal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageDeleteResponseItem {
    /// A name that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untagged: Option<String>,
    /// An image or layer that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<String>,
}

/// One line of a pull, load or import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressMessage {
    /// A line of plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How far it is.
    #[serde(rename = "progressDetail", skip_serializing_if = "Option::is_none")]
    pub progress_detail: Option<ProgressDetail>,
    /// A bar for old clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// To which layer or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it failed; the last line.
    #[serde(rename = "errorDetail", skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<ErrorDetail>,
    /// The same, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What programs want to know, such as [`PushResult`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aux: Option<serde_json::Value>,
}

/// What `aux` says after a push.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PushResult {
    /// The tag.
    pub tag: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Bytes of its manifest.
    pub size: u64,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressDetail {
    /// Bytes done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
    /// Bytes in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// Why a stream of lines ended early.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorDetail {
    /// A sentence.
    pub message: String,
}

/// The answer to `POST /images/prune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImagePruneResponse {
    /// What is gone; absent if there was nothing to remove.
    pub images_deleted: Option<Vec<ImageDeleteResponseItem>>,
    /// Bytes.
    pub space_reclaimed: u64,
}

/// Parameters of `GET /images/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ImageListQuery {
    /// Also those between others, which have no name.
    pub all: bool,
    /// `before`, `since`, `dangling`, `label`, `reference`, `until`.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
    /// Also how much of each others share.
    pub shared_size: bool,
    /// Digests are always told.
    pub digests: bool,
    /// Also the manifests of each; since 1.47.
    pub manifests: bool,
    /// Not honoured yet.
    #[serde(skip_serializing)]
    pub identity: Unread,
}

/// Parameters of `POST /images/create`, its header of credentials included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ImageCreateQuery {
    /// Pull this.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from_image: String,
    /// Import from here: `-` is the body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from_src: String,
    /// Name of what is imported.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub repo: String,
    /// Tag or digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// Comment of what is imported.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Instructions for what is imported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// `os[/arch[/variant]]`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// Credentials, as base64url of JSON.
    #[serde(rename = "X-Registry-Auth", skip_serializing)]
    pub registry_auth: String,
}

/// Parameters of `POST /images/{name}/push`, its header of credentials included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImagePushQuery {
    /// The tag; empty: all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// `{"os": …, "architecture": …, "variant": …}`: the image must be for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// Credentials, as base64url of JSON.
    #[serde(rename = "X-Registry-Auth", skip_serializing)]
    pub registry_auth: String,
}

/// Parameters of `POST /images/load`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageLoadQuery {
    /// No progress.
    pub quiet: bool,
    /// Only images for it, as JSON or as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Parameters of `GET /images/get`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageSaveQuery {
    /// Names or ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What they must be for, as JSON or as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Parameters of `GET /images/{name}/get`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageGetQuery {
    /// What it must be for, as JSON or as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Parameters of `GET /images/{name}/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageInspectQuery {
    /// Also its manifests; since 1.48.
    pub manifests: bool,
    /// It must be of this platform: an OCI platform as JSON; since 1.49.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Parameters of `GET /images/{name}/history`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageHistoryQuery {
    /// It must be of this platform: an OCI platform as JSON; since 1.48.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Parameters of `POST /images/{name}/tag`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageTagQuery {
    /// Name.
    pub repo: String,
    /// Tag; empty: `latest`.
    pub tag: String,
}

/// Parameters of `DELETE /images/{name}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageRemoveQuery {
    /// Even if a stopped container uses it, or it has several names.
    pub force: bool,
    /// Keep its nameless parents.
    pub noprune: bool,
    /// Only for these platforms: OCI platforms as JSON; since 1.50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
}
