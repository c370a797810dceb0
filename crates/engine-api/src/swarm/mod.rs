//! The swarm: cluster, nodes, services, tasks, secrets, configs.

mod cluster;
mod container;
mod extras;
mod file;
mod node;
mod placement;
mod privilege;
mod resource;
mod service;
mod spec;
mod task;

pub use cluster::{
    CaConfig, ClusterInfo, ClusterShoal, DispatcherConfig, EncryptionConfig, JoinTokens, LocalNodeState,
    OrchestrationConfig, PeerNode, RaftConfig, Swarm, SwarmBackupRequest, SwarmBackupResponse, SwarmInfo,
    SwarmInitRequest, SwarmJoinRequest, SwarmLeaveQuery, SwarmRestoreRequest, SwarmSpec, SwarmUnlockKey,
    SwarmUpdateQuery, TaskDefaults, TlsInfo,
};
pub use container::{ContainerSpec, DnsConfig};
pub use extras::TaskShoal;
pub use file::{
    ConfigReference, File, FileCreateResponse, FileListQuery, FileSpec, FileTarget, FileUpdateQuery,
    RuntimeTarget, SecretReference, Templating,
};
pub use node::{
    EngineDescription, EnginePlugin, ManagerStatus, Node, NodeDescription, NodeListQuery, NodeRemoveQuery,
    NodeSpec, NodeStatus, NodeUpdateQuery, Platform,
};
pub use placement::{Placement, PlacementPreference, SpreadOver};
pub use privilege::{AppArmorOptions, CredentialSpec, Privileges, SeccompOptions, SelinuxContext};
pub use resource::{
    DiscreteGenericResource, GenericResource, Limit, NamedGenericResource, ResourceObject,
    ResourceRequirements,
};
pub use service::{
    JobStatus, Service, ServiceCreateQuery, ServiceCreateResponse, ServiceEndpoint, ServiceInspectQuery,
    ServiceListQuery, ServiceStatus, ServiceUpdateQuery, ServiceUpdateResponse, UpdateStatus, VirtualIp,
};
pub use spec::{
    EndpointPortConfig, EndpointSpec, EveryNode, ReplicatedJob, ReplicatedService, ServiceMode, ServiceShoal,
    ServiceSpec, UpdateConfig,
};
pub use task::{
    ContainerStatus, LogDriver, NetworkAttachmentConfig, PortStatus, Task, TaskListQuery, TaskNews,
    TaskRestartPolicy, TaskSpec, TaskStatus,
};

use serde::{Deserialize, Serialize};

/// The version of an object: an update names the one it was made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ObjectVersion {
    /// Only ever grows.
    pub index: u64,
}

/// Whether a number says nothing.
fn is_zero(number: &u64) -> bool {
    *number == 0
}
