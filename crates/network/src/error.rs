//! What can go wrong, in the words Docker's clients match.

use std::io;
use std::net::SocketAddr;

use crate::Protocol;

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a network could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No network has this name or id.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// The container is attached already.
    #[error("endpoint with name {0} already exists in network bridge")]
    AlreadyAttached(String),
    /// No address could be given.
    #[error(transparent)]
    Address(#[from] ipam::Error),
    /// The text is no hardware address of an interface.
    #[error("invalid MAC address: {0}")]
    InvalidMac(String),
    /// A flag contradicts another one or the kernel.
    #[error("{0}")]
    InvalidConfig(String),
    /// A port could not be published.
    #[error(
        "driver failed programming external connectivity on endpoint {endpoint} ({endpoint_id}): {cause}"
    )]
    Publish {
        /// The container's name.
        endpoint: String,
        /// The attachment's id.
        endpoint_id: String,
        /// Why.
        cause: PortError,
    },
    /// A port of the ingress could not be held.
    #[error("failed to publish ingress port {0}")]
    Ingress(PortError),
    /// The kernel refused a step.
    #[error("{step}: {source}")]
    Kernel {
        /// What was tried.
        step: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The process that holds the ports cannot be started or reached.
    #[error("shoal-net is not available: {0}")]
    Keeper(io::Error),
    /// The network's own thread has ended.
    #[error("the network has been shut down")]
    Closed,
}

/// Why one port could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Another endpoint of this daemon has it.
    #[error("Bind for {0} failed: port is already allocated")]
    Allocated(SocketAddr),
    /// Another program of this machine has it.
    #[error("failed to bind host port for {address}/{protocol}: address already in use")]
    InUse {
        /// The host's address and port.
        address: SocketAddr,
        /// Its transport.
        protocol: Protocol,
    },
    /// All ports that might be taken are held.
    #[error("all ports are allocated")]
    Exhausted,
    /// The kernel refuses the address or port.
    #[error("failed to bind host port for {address}/{protocol}: {reason}")]
    Refused {
        /// The host's address and port.
        address: SocketAddr,
        /// Its transport.
        protocol: Protocol,
        /// The kernel's words.
        reason: String,
    },
}

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It does not exist.
    NotFound,
    /// Somebody else has it.
    Conflict,
    /// It can never work.
    Invalid,
    /// Nothing is left.
    Exhausted,
    /// It may work later.
    Unavailable,
    /// The kernel, or we, failed.
    Internal,
}

impl Error {
    /// The class of this error, for the mapping to status codes.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NoSuchNetwork(_) => ErrorKind::NotFound,
            Error::AlreadyAttached(_) => ErrorKind::Conflict,
            Error::Address(error) => match error.kind() {
                ipam::ErrorKind::Invalid => ErrorKind::Invalid,
                ipam::ErrorKind::Conflict => ErrorKind::Conflict,
                ipam::ErrorKind::Exhausted => ErrorKind::Exhausted,
            },
            Error::InvalidMac(_) | Error::InvalidConfig(_) => ErrorKind::Invalid,
            // A taken port is an internal error to Docker (500), and clients look for that.
            Error::Publish { .. } | Error::Ingress(_) | Error::Kernel { .. } => ErrorKind::Internal,
            Error::Keeper(_) | Error::Closed => ErrorKind::Unavailable,
        }
    }

    /// Wraps the kernel's answer to one step.
    pub(crate) fn kernel(step: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let step = step.into();
        move |source| Error::Kernel { step, source }
    }
}
