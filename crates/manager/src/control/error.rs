//! Why a request was refused, and how that is said in gRPC: the one place where it is decided.

use swarm_api::pb;
use swarm_api::policy::NotAllowed;
use swarm_api::validate::Invalid;
use thiserror::Error;
use tonic::Status;

use super::quorum::QuorumLoss;
use crate::ca::AuthorityError;
use crate::forward;
use crate::log::LogError;
use crate::raft::ReadError;
use crate::store::{Kind, ProposeError, Refused};
use crate::subnet::SubnetError;

/// A request was not served. The words are Docker's and swarmkit's where they have some.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    #[error("{kind} {reference} not found")]
    NotFound { kind: Kind, reference: String },
    #[error("{kind} {reference} is ambiguous ({matches} matches found)")]
    Ambiguous { kind: Kind, reference: String, matches: usize },
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error("spec must be provided")]
    NoSpec,
    #[error("name conflicts with an existing object: {kind} {name} already exists")]
    Exists { kind: Kind, name: String },
    #[error("{kind} {name} already exists")]
    FileExists { kind: Kind, name: String },
    #[error("{kind} '{name}' is in use by the following {}: {}", number(users, "service"), users.join(", "))]
    FileInUse { kind: Kind, name: String, users: Vec<String> },
    #[error("{} not found: {}", number(names, &kind.to_string()), names.join(", "))]
    NoFiles { kind: Kind, names: Vec<String> },
    #[error("only updates to Labels are allowed")]
    OnlyLabels,
    #[error("update out of sequence")]
    OutOfSequence,
    #[error("renaming services is not supported")]
    Rename,
    #[error("service mode change is not allowed")]
    ModeChange,
    #[error("service {0} does not have a previous spec")]
    NoPreviousSpec(String),
    #[error("port '{port}' is already in use by service '{name}' ({id}) as {}", published(*.mode))]
    PortInUse { port: u32, name: String, id: String, mode: pb::PublishMode },
    #[error("network {network} is in use by service {service}")]
    NetworkInUse { network: String, service: String },
    #[error(transparent)]
    Subnet(#[from] SubnetError),
    #[error("attempting to demote the last manager of the swarm")]
    LastManager,
    #[error(transparent)]
    Quorum(#[from] QuorumLoss),
    #[error("node {0} is not down and can't be removed")]
    NodeNotDown(String),
    #[error(
        "node {0} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal"
    )]
    NodeIsManager(String),
    #[error("cannot make an unlock key: {0}")]
    UnlockKey(std::io::Error),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("no services or tasks were named")]
    NoLogs,
    #[error("service or task logs cannot be shown for both TTY and non-TTY containers")]
    MixedLogs,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Propose(ProposeError),
}

/// The word for one of them, or for several.
fn number(names: &[String], word: &str) -> String {
    if names.len() == 1 { word.to_owned() } else { format!("{word}s") }
}

impl From<ProposeError> for ControlError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Refused(Refused::OutOfSequence { .. }) => Self::OutOfSequence,
            ProposeError::Refused(Refused::NotFound { kind, id }) => Self::NotFound { kind, reference: id },
            ProposeError::Refused(Refused::Exists { kind, id }) => Self::Exists { kind, name: id },
            error => Self::Propose(error),
        }
    }
}

impl From<ControlError> for Status {
    fn from(error: ControlError) -> Self {
        let text = error.to_string();
        match error {
            ControlError::NotAllowed(_) => Self::permission_denied(text),
            ControlError::NotFound { .. } => Self::not_found(text),
            ControlError::Ambiguous { .. }
            | ControlError::Invalid(_)
            | ControlError::NoSpec
            | ControlError::Subnet(_)
            | ControlError::PortInUse { .. }
            | ControlError::FileInUse { .. }
            | ControlError::NoFiles { .. }
            | ControlError::OnlyLabels
            | ControlError::NoLogs
            | ControlError::MixedLogs
            | ControlError::Propose(ProposeError::TooLarge { .. }) => Self::invalid_argument(text),
            ControlError::Exists { .. } | ControlError::FileExists { .. } => Self::already_exists(text),
            ControlError::Log(LogError::Gone) => Self::not_found(text),
            ControlError::Log(LogError::TooMany) => Self::resource_exhausted(text),
            ControlError::OutOfSequence => Self::aborted(text),
            ControlError::Rename | ControlError::ModeChange => Self::unimplemented(text),
            ControlError::NoPreviousSpec(_)
            | ControlError::LastManager
            | ControlError::NetworkInUse { .. }
            | ControlError::Quorum(_)
            | ControlError::NodeNotDown(_)
            | ControlError::NodeIsManager(_) => Self::failed_precondition(text),
            ControlError::Read(_) | ControlError::Propose(ProposeError::NotLeader) => {
                forward::not_leader(text)
            }
            ControlError::Propose(_) => Self::unavailable(text),
            ControlError::Authority(AuthorityError::Given(_)) => Self::invalid_argument(text),
            ControlError::Authority(_) | ControlError::UnlockKey(_) => Self::internal(text),
        }
    }
}

/// What kind of port it is that somebody has, in swarmkit's words.
fn published(mode: pb::PublishMode) -> &'static str {
    match mode {
        pb::PublishMode::Ingress => "an ingress port",
        pb::PublishMode::Host => "a host-published port",
    }
}
