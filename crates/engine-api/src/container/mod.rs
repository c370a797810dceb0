//! Containers: what is asked for, and what is told.

mod archive;
mod checkpoint;
mod commit;
mod config;
mod create;
mod device;
mod exec;
mod health;
mod host;
mod inspect;
mod prune;
mod query;
mod shoal;
mod stats;
mod summary;
mod top;
mod update;
mod words;

pub use archive::{ArchiveQuery, ContainerPathStat, ExtractQuery};
pub use checkpoint::{Checkpoint, CheckpointCreateRequest, CheckpointQuery};
pub use commit::{CommitQuery, CommitResponse, FilesystemChange};
pub use config::{ContainerConfig, Empty};
pub use create::{
    ContainerCreateRequest, ContainerCreateResponse, ContainerWaitExitError, ContainerWaitResponse,
};
pub use device::{DeviceMapping, DeviceRequest, ThrottleDevice, WeightDevice};
pub use exec::{ExecCreateRequest, ExecCreateResponse, ExecInspectResponse, ExecProcess, ExecStartRequest};
pub use health::{Health, HealthResult, Healthcheck};
pub use host::{HostConfig, LogConfig, PortBinding, PortMap, RestartPolicy, Ulimit};
pub use inspect::{ContainerInspectResponse, ContainerState, DriverData};
pub use prune::{ContainerPruneResponse, PruneQuery};
pub use query::{
    AttachQuery, AttachSocketQuery, CreateQuery, InspectQuery, KillQuery, ListQuery, LogsQuery, RemoveQuery,
    ResizeQuery, StartQuery, StatsQuery, StopQuery, WaitQuery,
};
pub use shoal::{HealthProbe, Shoal};
pub use stats::{
    BlkioStatEntry, BlkioStats, ContainerStatsResponse, CpuStats, CpuUsage, MemoryStats, NetworkStats,
    PidsStats, ThrottlingData,
};
pub use summary::{ContainerSummary, HealthSummary, HostConfigSummary, NetworkSummary, PortSummary};
pub use top::{ContainerTopResponse, TopQuery};
pub use update::{ContainerUpdateRequest, ContainerUpdateResponse};
