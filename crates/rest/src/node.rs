//! This machine's place in a swarm, as the routes see it. The daemon implements it; so does a fake in the tests.

use std::path::PathBuf;

use async_trait::async_trait;
use swarm_api::pb;
use swarm_api::pb::control_client::ControlClient;
use tonic::transport::Channel;

/// This machine's place in a swarm.
///
/// None of the requests waits for the cluster to settle: `init` returns when the one-member swarm accepts requests, `join` when
/// the managers have issued a certificate and the worker's session is being opened, `leave` when nothing of the swarm is left
/// running here.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// Makes a swarm with this machine as its only manager, and returns the node's id.
    async fn init(&self, request: InitRequest) -> Result<String, NodeError>;
    /// Joins a swarm.
    async fn join(&self, request: JoinRequest) -> Result<(), NodeError>;
    /// Leaves the swarm; a manager only when forced.
    async fn leave(&self, force: bool) -> Result<(), NodeError>;
    /// Unlocks a manager that waits for it; returns when its part in the swarm is taken up again.
    async fn unlock(&self, key: String) -> Result<(), NodeError>;
    /// Writes a backup of the swarm's state.
    async fn backup(&self, request: BackupRequest) -> Result<Backup, NodeError>;
    /// Makes a swarm with this machine as its only manager of a backup, and returns the node's id.
    async fn restore(&self, request: RestoreRequest) -> Result<String, NodeError>;
    /// What this machine is to its swarm now; must not wait, since every ping asks.
    fn status(&self) -> NodeStatus;
    /// A client of the managers' control service, wherever the leader is; only where this machine is a manager.
    async fn control(&self) -> Result<ControlClient<Channel>, NodeError>;
}

/// How to make a swarm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InitRequest {
    /// `address[:port]` or `interface[:port]`; empty: every address.
    pub listen_addr: String,
    /// The same, as others reach it; empty: found out.
    pub advertise_addr: String,
    /// Of this node.
    pub availability: pb::NodeAvailability,
    /// Address or interface of overlay networks' traffic; empty: the advertised one.
    pub data_path_addr: String,
    /// The user's wishes; zero numbers stand for the defaults.
    pub spec: pb::ClusterSpec,
    /// The root's certificate and key, in PEM; none: fresh ones.
    pub root: Option<pb::RootCa>,
    /// Of what this manager has, without the others.
    pub force_new_cluster: bool,
}

/// How to back the swarm up.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BackupRequest {
    /// A directory of this machine.
    pub to: PathBuf,
    /// What the backup is sealed under.
    pub passphrase: String,
    /// How many are kept; zero: all.
    pub keep: usize,
}

/// A backup that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// The last log entry in it.
    pub index: u64,
    /// How many older ones were removed.
    pub removed: usize,
}

/// How to make a swarm of a backup.
#[derive(Clone, Default, PartialEq)]
pub struct RestoreRequest {
    /// The backup, a file of this machine.
    pub from: PathBuf,
    /// What it is sealed under.
    pub passphrase: String,
    /// As in [`InitRequest`].
    pub listen_addr: String,
    /// As in [`InitRequest`].
    pub advertise_addr: String,
    /// Of this node.
    pub availability: pb::NodeAvailability,
}

/// How to join a swarm.
#[derive(Clone, Default, PartialEq)]
pub struct JoinRequest {
    /// As in [`InitRequest`].
    pub listen_addr: String,
    /// As in [`InitRequest`].
    pub advertise_addr: String,
    /// As in [`InitRequest`].
    pub data_path_addr: String,
    /// Managers: `address[:port]`.
    pub remote_addrs: Vec<String>,
    /// The secret.
    pub token: String,
    /// Of this node.
    pub availability: pb::NodeAvailability,
}

/// What this machine is to its swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// In it, out of it, or on the way.
    pub state: LocalState,
    /// This node; empty outside a swarm.
    pub node_id: String,
    /// Its address; empty outside a swarm.
    pub node_addr: String,
    /// It is a manager.
    pub control_available: bool,
    /// What is wrong, in [`LocalState::Error`].
    pub error: String,
    /// Known managers.
    pub managers: Vec<Peer>,
}

/// In a swarm, out of it, or on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalState {
    /// In no swarm.
    #[default]
    Inactive,
    /// On its way in.
    Pending,
    /// In a swarm.
    Active,
    /// In a swarm, and something is wrong.
    Error,
    /// A manager that waits to be unlocked.
    Locked,
}

/// A manager that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub node_id: String,
    /// Its address and port.
    pub addr: String,
}

/// Why a request about the swarm failed. `Display` is Docker's wording where clients know it.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Init or join inside a swarm.
    #[error(
        "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join another one."
    )]
    AlreadyInSwarm,
    /// A request for managers on a machine in no swarm.
    #[error(
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."
    )]
    NotInSwarm,
    /// A request for managers on a worker.
    #[error(
        "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager."
    )]
    NotManager,
    /// A request for managers on one that waits to be unlocked.
    #[error(
        "Swarm is encrypted and needs to be unlocked before it can be used. Please use \"docker swarm unlock\" to unlock it."
    )]
    Locked,
    /// A leave on such a one, without force.
    #[error("Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.")]
    LeaveLocked,
    /// An unlock of what is not locked.
    #[error("swarm is not locked")]
    NotLocked,
    /// An unlock with another key.
    #[error("swarm could not be unlocked: invalid key provided")]
    InvalidKey,
    /// A leave outside a swarm.
    #[error("This node is not part of a swarm")]
    NotPart,
    /// A manager leaves without force: what comes of it, and how it is done all the same.
    #[error("You are attempting to leave the swarm on a node that is participating as a manager. {0}")]
    LastManager(String),
    /// An address, a token or another part of the request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The managers refuse: token, certificate, root digest.
    #[error("{0}")]
    Refused(String),
    /// The managers cannot be reached, or do not answer in time.
    #[error("{0}")]
    Unavailable(String),
    /// What Docker has and this daemon has not yet.
    #[error("{0} is not implemented yet")]
    NotImplemented(&'static str),
    /// This machine failed.
    #[error("{0}")]
    Internal(String),
}
