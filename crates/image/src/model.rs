//! What callers of this room hand in and get back: images, requests, records of removals, progress.
//!
//! Plain values without behaviour beyond reading them; no IO.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use tokio::sync::mpsc;

use crate::{
    CollectPolicy, Error, Result,
    config::{Config, History},
    platform::Platform,
};

/// Where a store lies and how it reaches registries.
#[derive(Clone, Debug)]
pub struct ImagesConfig {
    /// Directory of the store, `<data-root>/image`; made if missing, mode 0700.
    pub root: PathBuf,
    /// `host[:port]` or CIDR of registries to which neither TLS nor certificates are demanded.
    pub insecure_registries: Vec<String>,
    /// Base URLs that are asked before docker.io.
    pub registry_mirrors: Vec<String>,
    /// Layers of one push that are sent at the same time; 0 for Docker's 5.
    pub max_concurrent_uploads: usize,
    /// When images go by themselves.
    pub collect: CollectPolicy,
    /// Directories with certificates of registries, in directories named `host[:port]`.
    pub certificates: Vec<PathBuf>,
    /// Layers that are downloaded at the same time, over all pulls.
    pub max_downloads: usize,
    /// Attempts at one download before it fails.
    pub max_download_attempts: u32,
    /// How long a registry may be silent within an answer before the connection counts as broken.
    pub max_silence: Duration,
}

impl Default for ImagesConfig {
    /// Docker's numbers; no root, no registries of one's own.
    fn default() -> Self {
        Self {
            root: PathBuf::new(),
            insecure_registries: Vec::new(),
            registry_mirrors: Vec::new(),
            certificates: Vec::new(),
            max_concurrent_uploads: 0,
            collect: CollectPolicy::default(),
            max_downloads: 3,
            max_download_attempts: 5,
            max_silence: Duration::from_secs(30),
        }
    }
}

impl ImagesConfig {
    /// Docker's number of layers that are sent at the same time.
    const DEFAULT_UPLOADS: usize = 5;

    pub(crate) fn max_uploads(&self) -> usize {
        if self.max_concurrent_uploads == 0 { Self::DEFAULT_UPLOADS } else { self.max_concurrent_uploads }
    }
}

/// An image of this store.
#[derive(Clone, Debug)]
pub struct Image {
    /// `sha256:…`, the digest of the configuration file.
    pub id: String,
    /// Familiar names with tag, sorted: `busybox:latest`.
    pub repo_tags: Vec<String>,
    /// Familiar names with the digest of the manifest they were pulled by, sorted: `busybox@sha256:…`.
    pub repo_digests: Vec<String>,
    /// Digest of the manifest in the content store.
    pub manifest_digest: String,
    /// Media type of that manifest.
    pub manifest_media_type: String,
    /// Size of that manifest in bytes.
    pub manifest_size_bytes: u64,
    /// When it was made, RFC 3339 as the configuration says it.
    pub created: Option<String>,
    /// When a tag was last set here, nanoseconds since the epoch; 0 for never.
    pub tagged_at_ns: i64,
    /// Bytes of all files of all layers.
    pub size_bytes: u64,
    /// What a container gets when it says nothing.
    pub config: Config,
    /// Go's architecture, `amd64`.
    pub architecture: String,
    /// Variant of the architecture.
    pub variant: Option<String>,
    /// Go's operating system, `linux`.
    pub os: String,
    /// Digests of the uncompressed layers, lowest first.
    pub diff_ids: Vec<String>,
    /// Bytes of the files of each of them, lowest first.
    pub layer_sizes_bytes: Vec<u64>,
    /// Steps that made it, oldest first.
    pub history: Vec<History>,
    /// Id of the image it was built from on this machine; empty if none.
    pub parent: String,
    /// Free comment.
    pub comment: String,
    /// Who made it.
    pub author: String,
}

impl Image {
    /// The labels of the image.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.config.labels
    }

    /// Fails unless the image is of this platform, `os[/arch[/variant]]`. `reference` is how it was asked for.
    pub fn expect_platform(&self, reference: &str, wanted: &str) -> Result<()> {
        let platform: Platform = wanted.parse()?;
        let own = Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
        };
        match own.serves(&platform) {
            Some(_) => Ok(()),
            None => {
                Err(Error::OtherPlatform { reference: reference.to_owned(), wanted: platform.to_string() })
            }
        }
    }

    /// The first 12 digits of the id, as Docker prints it.
    pub fn short_id(&self) -> &str {
        short_id(&self.id)
    }
}

/// The first 12 hexadecimal digits of an id, without its algorithm.
pub(crate) fn short_id(id: &str) -> &str {
    let hex = id.split_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..12).unwrap_or(hex)
}

/// Credentials for one registry, as `X-Registry-Auth` carries them; empty strings mean none.
#[derive(Clone, Default)]
pub struct RegistryAuth {
    /// Name for basic authentication and for token servers.
    pub username: String,
    /// Its password.
    pub password: String,
    /// A refresh token that stands in for name and password.
    pub identity_token: String,
    /// A bearer token that is used as it is.
    pub registry_token: String,
    /// The registry the credentials are for; informative.
    pub server_address: String,
}

impl std::fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryAuth").field("username", &self.username).finish_non_exhaustive()
    }
}

/// One line of Docker's progress streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The layer (short id) or tag the line is about.
    pub id: Option<String>,
    /// Docker's words: `Downloading`, `Pull complete`…
    pub status: String,
    /// Bytes so far.
    pub current: Option<u64>,
    /// Bytes in all, if known.
    pub total: Option<u64>,
}

/// Where progress goes. A full or dropped receiver neither blocks nor fails the work.
pub type ProgressSender = mpsc::Sender<Progress>;

/// A tag that a registry has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The tag alone.
    pub tag: String,
    /// Digest of its manifest.
    pub digest: String,
    /// Size of that manifest in bytes.
    pub size: u64,
}

/// What a registry has under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Media type of the manifest or index.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// Operating system, architecture and variant of each image.
    pub platforms: Vec<(String, String, Option<String>)>,
}

/// An image that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundImage {
    /// Its name.
    pub name: String,
    /// What its makers say.
    pub description: String,
    /// True for those that Docker looks after.
    pub is_official: bool,
    /// True for those that are built by themselves.
    pub is_automated: bool,
    /// How many people like it.
    pub stars: u64,
}

/// One thing that `load` brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The familiar name, if the archive gives one: `busybox:latest`.
    pub reference: Option<String>,
    /// The image's id.
    pub image_id: String,
}

/// How to turn a plain archive into an image.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Name to give it; a missing tag means `latest`.
    pub reference: Option<String>,
    /// Comment; Docker's default is `Imported from -`.
    pub message: Option<String>,
    /// Instructions of a Dockerfile that change the configuration: `CMD ["sh"]`.
    pub changes: Vec<String>,
    /// `os[/arch[/variant]]`; the machine's own if missing.
    pub platform: Option<String>,
}

/// A container as far as the removal of images is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// Id of the image, `sha256:…`.
    pub image_id: String,
    /// Id of the container.
    pub container_id: String,
    /// True while the container runs or is paused.
    pub running: bool,
}

/// How to remove an image.
#[derive(Clone, Debug, Default)]
pub struct RemoveOptions {
    /// Remove although stopped containers or several tags refer to it.
    pub force: bool,
    /// Keep untagged parents.
    pub no_prune: bool,
    /// The containers that exist.
    pub in_use: Vec<ImageUse>,
    /// Only the content for these platforms, `os[/arch[/variant]]`; empty: all there is.
    pub platforms: Vec<String>,
}

/// One effect of a removal, in the order Docker reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A familiar name that is gone.
    Untagged(String),
    /// The digest of an image or the chain id of a layer that is gone.
    Deleted(String),
}

/// The parts of a container's overlay mount. Nothing is mounted here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rootfs {
    /// Read-only layers, topmost first, as short links beneath the store so that their list fits in a page.
    pub lowers: Vec<PathBuf>,
    /// The container's own writable layer.
    pub upper: PathBuf,
    /// Overlayfs' work directory, beside `upper`.
    pub work: PathBuf,
}
