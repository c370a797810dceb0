//! What can go wrong with volumes, in Docker's words.

use crate::ErrorKind;

/// A failed request about a volume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is none of this name.
    #[error("get {0}: no such volume")]
    NotFound(String),
    /// Containers use it.
    #[error("remove {name}: volume is in use - [{}]", users.join(", "))]
    InUse {
        /// The volume.
        name: String,
        /// The ids of the containers.
        users: Vec<String>,
    },
    /// The name cannot be one.
    #[error("create {name}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: crate::spec::Invalid,
    },
    /// A driver that is not here.
    #[error("error looking up volume plugin {0}: plugin \"{0}\" not found")]
    NoDriver(String),
    /// The options of the driver.
    #[error("create {volume}: {reason}")]
    Options {
        /// The volume.
        volume: String,
        /// What is wrong with them.
        reason: String,
    },
    /// What Docker has and this engine has not.
    #[error("{0} is not implemented yet")]
    NotImplemented(&'static str),
    /// A path within a volume that is not there.
    #[error("cannot access path {path} of volume {volume}: no such file or directory")]
    NoSubpath {
        /// The volume.
        volume: String,
        /// The path.
        path: String,
    },
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NotFound(_) | Error::NoDriver(_) => ErrorKind::NotFound,
            Error::InUse { .. } => ErrorKind::Conflict,
            Error::Name { .. } | Error::Options { .. } | Error::NoSubpath { .. } => ErrorKind::Invalid,
            Error::NotImplemented(_) => ErrorKind::NotImplemented,
        }
    }
}
