//! What can go wrong, in the words Docker's clients match.

use std::io;
use std::net::SocketAddr;

use crate::{Driver, Protocol};

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a network could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No network has this name or id.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// Several networks' ids begin like this.
    #[error("network {reference} is ambiguous ({count} matches found on {by})")]
    Ambiguous {
        /// What was asked for.
        reference: String,
        /// How many there are.
        count: usize,
        /// What they have in common: `name` or `ID prefix`.
        by: &'static str,
    },
    /// No driver has this name.
    #[error("could not find plugin {0} in v1 plugin registry: plugin not found")]
    NoSuchDriver(String),
    /// Another network has the name.
    #[error("network with name {0} already exists")]
    NameInUse(String),
    /// One of the networks that are always there was to be made or removed.
    #[error("{0} is a pre-defined network and cannot be {1}")]
    Predefined(String, &'static str),
    /// There is one network of this driver, and it is there.
    #[error("only one instance of \"{0}\" network is allowed")]
    OnlyOne(Driver),
    /// Containers are attached.
    #[error("error while removing network: network {name} id {id} has active endpoints ({endpoints})")]
    InUse {
        /// The network's name.
        name: String,
        /// The network's id.
        id: String,
        /// `name:"web" id:"0123456789ab"`, one after the other.
        endpoints: String,
    },
    /// The wished subnet is not free.
    #[error("invalid pool request: Pool overlaps with other one on this address space")]
    Overlap,
    /// A wish for a network, or for a place on one, makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// What is asked cannot be had on a network of this kind.
    #[error("{0}")]
    Forbidden(String),
    /// This kernel cannot do it.
    #[error("this kernel has no {what}: it needs the option {option}")]
    Unsupported {
        /// What is missing.
        what: &'static str,
        /// The name of the kernel's option.
        option: &'static str,
    },
    /// It is not done yet.
    #[error("{0} is not implemented")]
    NotImplemented(&'static str),
    /// The container is attached to that network already.
    #[error("endpoint with name {container} already exists in network {network}")]
    AlreadyAttached {
        /// The container's name.
        container: String,
        /// The network's name.
        network: String,
    },
    /// The container is not attached to that network.
    #[error("container {container} is not connected to network {network}")]
    NotAttached {
        /// The container's id or name.
        container: String,
        /// The network's id or name.
        network: String,
    },
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
    #[error("Bind for {address} failed: port is already allocated{}", by(.holder.as_ref()))]
    Allocated {
        /// The host's address and port.
        address: SocketAddr,
        /// The name of the container that has it, where it is one.
        holder: Option<String>,
    },
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
    /// It is not allowed in this state (Docker answers 403).
    Forbidden,
    /// It can never work.
    Invalid,
    /// Nothing is left.
    Exhausted,
    /// It may work later.
    Unavailable,
    /// The kernel, or we, failed.
    Internal,
    /// Nobody has written it yet, or the kernel cannot do it.
    NotImplemented,
}

impl Error {
    /// The class of this error, for the mapping to status codes.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NoSuchNetwork(_) | Error::NoSuchDriver(_) => ErrorKind::NotFound,
            Error::NameInUse(_) => ErrorKind::Conflict,
            Error::Predefined(..)
            | Error::OnlyOne(_)
            | Error::InUse { .. }
            | Error::Overlap
            | Error::Forbidden(_)
            | Error::NotAttached { .. }
            | Error::AlreadyAttached { .. } => ErrorKind::Forbidden,
            Error::Address(error) => match error.kind() {
                ipam::ErrorKind::Invalid => ErrorKind::Invalid,
                ipam::ErrorKind::Conflict => ErrorKind::Forbidden,
                ipam::ErrorKind::Exhausted => ErrorKind::Exhausted,
            },
            Error::Ambiguous { .. }
            | Error::InvalidMac(_)
            | Error::InvalidConfig(_)
            | Error::InvalidRequest(_) => ErrorKind::Invalid,
            Error::Unsupported { .. } | Error::NotImplemented(_) => ErrorKind::NotImplemented,
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

fn by(holder: Option<&String>) -> String {
    holder.map(|name| format!(" (by container {name})")).unwrap_or_default()
}
