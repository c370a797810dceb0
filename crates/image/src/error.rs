//! What can go wrong in this room. `Display` is Docker's wording wherever Docker has one, because clients match it.
//!
//! Inputs: nothing. Outputs: [`Error`], [`ErrorKind`]. Knows no HTTP status: `rest` maps the kind.

use std::{io, path::PathBuf, time::Duration};

/// The result of everything in this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of an error, which is all that a caller may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such image, manifest or container layer.
    NotFound,
    /// Something else uses what was to be changed.
    Conflict,
    /// The request or the data that came with it is wrong.
    Invalid,
    /// A registry cannot be reached or does not answer.
    Unavailable,
    /// A registry refuses these credentials.
    Forbidden,
    /// A disk is full or a limit is reached.
    Exhausted,
    /// A defect here or in the machine.
    Internal,
}

/// An error of the image room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image under that name, digest or id.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// A container that has no writable layer here.
    #[error("no writable layer for container {0}")]
    NoSuchLayer(String),
    /// A name that does not follow the grammar of references.
    #[error("invalid reference format{0}")]
    InvalidReference(String),
    /// A digest that is not `sha256:` and 64 hexadecimal digits.
    #[error("invalid checksum digest format: {0:?}")]
    InvalidDigest(String),
    /// A platform that is not `os[/arch[/variant]]`.
    #[error("{0:?} is an invalid platform: expected os[/arch[/variant]], for example linux/amd64")]
    InvalidPlatform(String),
    /// A change of `import` that cannot be honoured.
    #[error("{0}")]
    InvalidChange(String),
    /// A source of `import` that is no URL of the web.
    #[error("fromSrc must be \"-\" or a URL of http or https")]
    InvalidSource,
    /// An id of a container that cannot be the name of a directory.
    #[error("invalid container id {0:?}")]
    InvalidContainerId(String),
    /// A name that cannot be pushed.
    #[error("{0}")]
    InvalidPush(&'static str),
    /// A repository of which there is nothing here.
    #[error("An image does not exist locally with the tag: {0}")]
    NothingToPush(String),
    /// A tag that is not here, in a repository that is.
    #[error("tag does not exist: {0}")]
    NoSuchTag(String),
    /// A target of `tag` that cannot be one.
    #[error("{0}")]
    InvalidTag(&'static str),
    /// A removal that something in use forbids.
    #[error("conflict: {0}")]
    Conflict(String),
    /// An archive that is not what it says, is cut off, or attacks.
    #[error("invalid archive: {0}")]
    Archive(String),
    /// Something of another kind in the place of an archive's entry.
    #[error("{0}")]
    Overwrite(String),
    /// An image whose parts contradict each other or the specification.
    #[error("invalid image: {0}")]
    Malformed(String),
    /// Content whose digest is another than announced.
    #[error("content of {expected} has digest {actual}")]
    DigestMismatch {
        /// What was announced.
        expected: String,
        /// What came.
        actual: String,
    },
    /// Something larger than this room accepts.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What it is.
        what: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The registry does not know the tag or digest.
    #[error("manifest for {reference} not found: {detail}")]
    ManifestUnknown {
        /// The familiar name that was asked for.
        reference: String,
        /// The registry's words.
        detail: String,
    },
    /// No such repository, or not for these credentials.
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': {detail}"
    )]
    AccessDenied {
        /// The familiar name of the repository.
        repository: String,
        /// The registry's words.
        detail: String,
    },
    /// The image exists, for other platforms.
    #[error("no matching manifest for {platform} in the manifest list entries")]
    NoMatchingPlatform {
        /// The platform that was wanted.
        platform: String,
    },
    /// The image is here, for another platform.
    #[error(
        "image with reference {reference} was found but does not provide the specified platform ({wanted})"
    )]
    OtherPlatform {
        /// How the image was asked for.
        reference: String,
        /// The platform that was wanted.
        wanted: String,
    },
    /// The registry's token server refuses the credentials.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// The registry answers something unexpected.
    #[error("error from registry {url}: {detail}")]
    Registry {
        /// What was asked.
        url: String,
        /// What came back.
        detail: String,
    },
    /// The registry is overloaded or fails; it may answer later.
    #[error("error from registry {url}: {detail}")]
    Busy {
        /// What was asked.
        url: String,
        /// What came back.
        detail: String,
        /// The pause that the registry asks for.
        retry_after: Option<Duration>,
    },
    /// The registry refuses a push or a login, in its own words.
    #[error("{0}")]
    Denied(String),
    /// No connection to the registry comes about.
    #[error("Get {url:?}: {detail}")]
    NoConnection {
        /// What was asked.
        url: String,
        /// Why not.
        detail: String,
    },
    /// A certificate or key of `certs.d` is of no use.
    #[error("{0}")]
    Certificate(String),
    /// The connection to the registry broke or fell silent.
    #[error("Get {url:?}: {detail}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why there is no answer.
        detail: String,
    },
    /// The system refuses a file operation.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The client's stream of data breaks off.
    #[error("reading the archive: {0}")]
    Input(#[source] io::Error),
    /// The metadata file cannot be read or written.
    #[error("image metadata: {0}")]
    Metadata(#[from] redb::Error),
    /// A record of the metadata file is not what was written.
    #[error("image metadata record {key}: {source}")]
    Record {
        /// The key of the record.
        key: String,
        /// Why it does not parse.
        source: serde_json::Error,
    },
    /// A thread of this room ended early.
    #[error("the image store is shut down")]
    Closed,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NoSuchImage(_)
            | Error::NoSuchLayer(_)
            | Error::ManifestUnknown { .. }
            | Error::AccessDenied { .. }
            | Error::NothingToPush(_)
            | Error::NoSuchTag(_)
            | Error::OtherPlatform { .. }
            | Error::NoMatchingPlatform { .. } => ErrorKind::NotFound,
            Error::InvalidReference(_)
            | Error::InvalidDigest(_)
            | Error::InvalidPlatform(_)
            | Error::InvalidChange(_)
            | Error::InvalidSource
            | Error::InvalidContainerId(_)
            | Error::InvalidTag(_)
            | Error::InvalidPush(_)
            | Error::Archive(_)
            | Error::Overwrite(_)
            | Error::Malformed(_)
            | Error::DigestMismatch { .. }
            | Error::TooLarge { .. }
            | Error::Input(_) => ErrorKind::Invalid,
            Error::Certificate(_) => ErrorKind::Internal,
            Error::Conflict(_) => ErrorKind::Conflict,
            Error::Unauthorized(_) | Error::Denied(_) => ErrorKind::Forbidden,
            Error::Registry { .. }
            | Error::Busy { .. }
            | Error::NoConnection { .. }
            | Error::Unreachable { .. } => ErrorKind::Unavailable,
            Error::Io { source, .. } if is_full(source) => ErrorKind::Exhausted,
            Error::Io { .. } | Error::Metadata(_) | Error::Record { .. } | Error::Closed => {
                ErrorKind::Internal
            }
        }
    }

    /// For `map_err`: an [`Error::Io`] that says what was tried on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.into(), source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
