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
    /// Of a volume in memory only a part is mounted: the rest cannot be reached.
    #[error("volume {0} is in memory, and the only container that has it has only a part of it mounted")]
    PartInMemory(String),
    /// The server of a volume has no address.
    #[error("error resolving passed in network volume address of volume {volume}: {reason}")]
    Server {
        /// The volume.
        volume: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine cannot keep a volume small.
    #[error("create {volume}: quota size requested but no quota support: {reason}")]
    NoQuota {
        /// The volume.
        volume: String,
        /// What is missing.
        reason: String,
    },
    /// There is something in a volume that an archive is to be put in.
    #[error("import {0}: volume is not empty; merge to add to what is in it")]
    NotEmpty(String),
    /// A volume in memory that no container has.
    #[error("volume {0} is in memory, and no running container has it")]
    InNoMemory(String),
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
            Error::InUse { .. } | Error::PartInMemory(_) | Error::NotEmpty(_) | Error::InNoMemory(_) => {
                ErrorKind::Conflict
            }
            Error::Name { .. }
            | Error::Options { .. }
            | Error::NoSubpath { .. }
            | Error::NoQuota { .. }
            | Error::Server { .. } => ErrorKind::Invalid,
        }
    }
}
