//! One container, told in full.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ContainerConfig, Health, HostConfig};
use crate::Timestamp;
use crate::mount::MountPoint;
use crate::network::NetworkSettings;

/// One container, told in full.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerInspectResponse {
    /// 64 hexadecimal digits.
    pub id: String,
    /// When it was made.
    pub created: Timestamp,
    /// The program.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it does now.
    pub state: ContainerState,
    /// Id of the image.
    pub image: String,
    /// The file on the host behind `/etc/resolv.conf`.
    pub resolv_conf_path: String,
    /// The same for `/etc/hostname`.
    pub hostname_path: String,
    /// The same for `/etc/hosts`.
    pub hosts_path: String,
    /// The log file on the host.
    pub log_path: String,
    /// With a leading slash.
    pub name: String,
    /// How often the restart policy started it again.
    pub restart_count: i64,
    /// `overlay2`.
    pub driver: String,
    /// `linux`.
    pub platform: String,
    /// Always empty: no SELinux.
    pub mount_label: String,
    /// Always empty: no SELinux.
    pub process_label: String,
    /// AppArmor profile.
    pub app_armor_profile: String,
    /// Running execs.
    #[serde(rename = "ExecIDs")]
    pub exec_ids: Option<Vec<String>>,
    /// What belongs to the host.
    pub host_config: HostConfig,
    /// Where the root comes from.
    pub graph_driver: DriverData,
    /// Bytes written; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_rw: Option<i64>,
    /// Bytes of the root; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<i64>,
    /// What is mounted.
    pub mounts: Vec<MountPoint>,
    /// What does not depend on the host.
    pub config: ContainerConfig,
    /// Networks.
    pub network_settings: NetworkSettings,
}

/// What a container does now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerState {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub status: String,
    /// Runs; a paused one runs too.
    pub running: bool,
    /// Frozen.
    pub paused: bool,
    /// Waits for its next start.
    pub restarting: bool,
    /// The kernel killed something in it for want of memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Could not be removed.
    pub dead: bool,
    /// Its first process on the host.
    pub pid: i64,
    /// Of the last run.
    pub exit_code: i64,
    /// Why it could not start.
    pub error: String,
    /// When it started last.
    pub started_at: Timestamp,
    /// When it ended last.
    pub finished_at: Timestamp,
    /// What its health check has found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// Where the root of a container or image comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DriverData {
    /// `overlay2`.
    pub name: String,
    /// Paths, for a person's information.
    pub data: Option<BTreeMap<String, String>>,
}
