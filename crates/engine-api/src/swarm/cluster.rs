//! The swarm as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LogDriver, ObjectVersion};
use crate::{Timestamp, Unread};

/// The user's wishes for the swarm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmSpec {
    /// `default`.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Of tasks.
    pub orchestration: OrchestrationConfig,
    /// Of the log.
    pub raft: RaftConfig,
    /// Of the link between managers and workers.
    pub dispatcher: DispatcherConfig,
    /// Of certificates.
    #[serde(rename = "CAConfig")]
    pub ca_config: CaConfig,
    /// Of what lies on disk.
    pub encryption_config: EncryptionConfig,
    /// For tasks that do not say otherwise.
    pub task_defaults: TaskDefaults,
    /// What a swarm has beyond Docker's API, which Docker's clients neither send nor read.
    #[serde(skip_serializing_if = "ClusterShoal::is_default")]
    pub shoal: ClusterShoal,
}

/// What a swarm has beyond Docker's API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterShoal {
    /// How long a node that announced its absence is waited for, in nanoseconds. Zero in an update: as it was.
    pub absence_grace: i64,
    /// What services may have beyond Docker's: `privileged`, `devices`… Absent: nothing, and in an update: as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
}

impl ClusterShoal {
    /// Whether nothing beyond Docker's API is asked for: then it is not told either.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How tasks are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct OrchestrationConfig {
    /// Finished tasks kept per slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_history_retention_limit: Option<i64>,
}

/// The log's settings. Those after the first two are fixed; a request may repeat what it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RaftConfig {
    /// Entries between snapshots.
    pub snapshot_interval: u64,
    /// Older snapshots kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_old_snapshots: Option<u64>,
    /// Entries kept after a snapshot.
    pub log_entries_for_slow_followers: u64,
    /// Ticks until an election.
    pub election_tick: i64,
    /// Ticks between heartbeats.
    pub heartbeat_tick: i64,
}

/// The link between managers and workers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DispatcherConfig {
    /// Nanoseconds.
    pub heartbeat_period: i64,
}

/// Certificates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CaConfig {
    /// Nanoseconds.
    pub node_cert_expiry: i64,
    /// Not honoured yet.
    #[serde(rename = "ExternalCAs", skip_serializing)]
    pub external_cas: Unread,
    /// The root to rotate to, PEM. Never told.
    #[serde(rename = "SigningCACert", skip_serializing_if = "String::is_empty")]
    pub signing_ca_cert: String,
    /// Its key, PEM. Never told.
    #[serde(rename = "SigningCAKey", skip_serializing_if = "String::is_empty")]
    pub signing_ca_key: String,
    /// Another number than before asks for a fresh root.
    #[serde(skip_serializing_if = "crate::swarm::is_zero")]
    pub force_rotate: u64,
}

/// What lies on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EncryptionConfig {
    /// A manager that starts again waits to be unlocked.
    pub auto_lock_managers: bool,
}

/// For tasks that do not say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskDefaults {
    /// Where their output goes; absent: where the node says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_driver: Option<LogDriver>,
}

/// The swarm, without its secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterInfo {
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
    pub spec: SwarmSpec,
    /// Its authority.
    #[serde(rename = "TLSInfo")]
    pub tls_info: TlsInfo,
    /// Not every node has a certificate of the newest root yet.
    pub root_rotation_in_progress: bool,
    /// Port of overlay networks.
    pub data_path_port: u32,
    /// Pools of overlay networks.
    pub default_addr_pool: Vec<String>,
    /// Mask's length of an overlay network.
    pub subnet_size: u32,
}

/// An authority of certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TlsInfo {
    /// PEM.
    pub trust_root: String,
    /// Base64 of DER.
    pub cert_issuer_subject: String,
    /// Base64 of DER.
    pub cert_issuer_public_key: String,
}

/// What lets a machine join.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JoinTokens {
    /// As a worker.
    pub worker: String,
    /// As a manager.
    pub manager: String,
}

impl std::fmt::Debug for JoinTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinTokens(…)")
    }
}

/// The swarm, as its managers tell it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Swarm {
    /// Without secrets.
    #[serde(flatten)]
    pub info: ClusterInfo,
    /// The secrets.
    pub join_tokens: JoinTokens,
}

/// What a node is to its swarm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LocalNodeState {
    /// In no swarm.
    #[default]
    Inactive,
    /// On its way in.
    Pending,
    /// In a swarm.
    Active,
    /// In a swarm, and something is wrong.
    Error,
    /// Waits to be unlocked.
    Locked,
}

/// Another manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerNode {
    /// Its id.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its address and port.
    #[serde(rename = "Addr")]
    pub addr: String,
}

/// This node's place in the swarm, inside `GET /info`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmInfo {
    /// This node.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Its address.
    pub node_addr: String,
    /// What it is to the swarm.
    pub local_node_state: LocalNodeState,
    /// It is a manager.
    pub control_available: bool,
    /// What is wrong.
    pub error: String,
    /// Known managers.
    pub remote_managers: Option<Vec<PeerNode>>,
    /// Nodes; only a manager knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<i64>,
    /// Managers; only a manager knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managers: Option<i64>,
    /// The swarm; only a manager knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
}

/// The body of `POST /swarm/init`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmInitRequest {
    /// `address[:port]` or `interface[:port]`.
    pub listen_addr: String,
    /// The same, as others reach it.
    pub advertise_addr: String,
    /// Address or interface of overlay networks' traffic.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_path_addr: String,
    /// Its port; zero: the default.
    pub data_path_port: u32,
    /// Blocks that overlay networks are taken from.
    pub default_addr_pool: Vec<String>,
    /// Of what this manager has, without the others.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub force_new_cluster: bool,
    /// Mask's length of an overlay network; zero: the default.
    pub subnet_size: u32,
    /// The user's wishes.
    pub spec: SwarmSpec,
    /// Of this node: `active`, `pause`, `drain` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub availability: String,
    /// The same as in `spec.encryption_config`.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub auto_lock_managers: bool,
}

/// The body of `POST /swarm/join`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmJoinRequest {
    /// `address[:port]` or `interface[:port]`.
    pub listen_addr: String,
    /// The same, as others reach it.
    pub advertise_addr: String,
    /// Address or interface of overlay networks' traffic.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_path_addr: String,
    /// Managers of the swarm.
    pub remote_addrs: Vec<String>,
    /// The secret.
    pub join_token: String,
    /// Of this node: `active`, `pause`, `drain` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub availability: String,
}

impl std::fmt::Debug for SwarmJoinRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwarmJoinRequest").field("remote_addrs", &self.remote_addrs).finish_non_exhaustive()
    }
}

/// Parameters of `POST /swarm/leave`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SwarmLeaveQuery {
    /// Even if the swarm suffers.
    pub force: bool,
}

/// Parameters of `POST /swarm/update`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SwarmUpdateQuery {
    /// The version the update was made from.
    pub version: u64,
    /// A new token for workers.
    pub rotate_worker_token: bool,
    /// A new token for managers.
    pub rotate_manager_token: bool,
    /// A new key that unlocks managers.
    pub rotate_manager_unlock_key: bool,
}

/// The body of `POST /swarm/unlock`, and the answer of `GET /swarm/unlockkey`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmUnlockKey {
    /// `SWMKEY-1-…`; empty when managers are not locked.
    pub unlock_key: String,
}

impl std::fmt::Debug for SwarmUnlockKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SwarmUnlockKey(…)")
    }
}

/// The body of `POST /swarm/backup`, which only shoal has.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmBackupRequest {
    /// A directory of the daemon's machine.
    pub to: String,
    /// What the backup is sealed under.
    pub passphrase: String,
    /// How many are kept; zero: all.
    pub keep: u64,
}

impl std::fmt::Debug for SwarmBackupRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwarmBackupRequest").field("to", &self.to).finish_non_exhaustive()
    }
}

/// The answer of `POST /swarm/backup`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmBackupResponse {
    /// The file.
    pub file: String,
    /// The last log entry in it.
    pub index: u64,
    /// How many older ones were removed.
    pub removed: u64,
}

/// The body of `POST /swarm/restore`, which only shoal has.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmRestoreRequest {
    /// The backup, a file of the daemon's machine.
    pub from: String,
    /// What it is sealed under.
    pub passphrase: String,
    /// As in [`SwarmInitRequest`].
    pub listen_addr: String,
    /// As in [`SwarmInitRequest`].
    pub advertise_addr: String,
    /// As in [`SwarmInitRequest`].
    pub availability: String,
}

impl std::fmt::Debug for SwarmRestoreRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SwarmRestoreRequest").field("from", &self.from).finish_non_exhaustive()
    }
}
