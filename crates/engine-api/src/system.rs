//! What the daemon says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::swarm::{GenericResource, SwarmInfo};

/// The answer to `GET /version`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SystemVersion {
    /// What this is.
    pub platform: PlatformName,
    /// Its parts.
    pub components: Vec<ComponentVersion>,
    /// Version of the daemon.
    pub version: String,
    /// Newest version of the API.
    pub api_version: String,
    /// Oldest version of the API.
    #[serde(rename = "MinAPIVersion")]
    pub min_api_version: String,
    /// Commit it was built from.
    pub git_commit: String,
    /// Clients print it; here the compiler's name.
    pub go_version: String,
    /// `linux`.
    pub os: String,
    /// `amd64`…
    pub arch: String,
    /// Of the host.
    pub kernel_version: String,
    /// Experimental features are on.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub experimental: bool,
    /// When it was built.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub build_time: String,
}

/// The name of a product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PlatformName {
    /// For a person.
    pub name: String,
}

/// One part and its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ComponentVersion {
    /// `Engine`…
    pub name: String,
    /// Its version.
    pub version: String,
    /// More words.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// The answer to `GET /info`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SystemInfo {
    /// Of this daemon; survives restarts.
    #[serde(rename = "ID")]
    pub id: String,
    /// In all.
    pub containers: i64,
    /// Of them running.
    pub containers_running: i64,
    /// Of them frozen.
    pub containers_paused: i64,
    /// Of them not running.
    pub containers_stopped: i64,
    /// In all.
    pub images: i64,
    /// `overlay2`.
    pub driver: String,
    /// Pairs of name and value.
    pub driver_status: Vec<[String; 2]>,
    /// The data root.
    pub docker_root_dir: String,
    /// What is built in.
    pub plugins: PluginsInfo,
    /// The kernel can.
    pub memory_limit: bool,
    /// The kernel can.
    pub swap_limit: bool,
    /// The kernel can.
    pub cpu_cfs_period: bool,
    /// The kernel can.
    pub cpu_cfs_quota: bool,
    /// The kernel can.
    #[serde(rename = "CPUShares")]
    pub cpu_shares: bool,
    /// The kernel can.
    #[serde(rename = "CPUSet")]
    pub cpu_set: bool,
    /// The kernel can.
    pub pids_limit: bool,
    /// The kernel can.
    pub oom_kill_disable: bool,
    /// The kernel does.
    #[serde(rename = "IPv4Forwarding")]
    pub ipv4_forwarding: bool,
    /// The daemon logs more.
    pub debug: bool,
    /// Open files of the daemon.
    #[serde(rename = "NFd")]
    pub nfd: i64,
    /// Clients print it; here the daemon's threads.
    #[serde(rename = "NGoroutines")]
    pub ngoroutines: i64,
    /// Now.
    pub system_time: Timestamp,
    /// The default for containers.
    pub logging_driver: String,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// Who listens to events.
    #[serde(rename = "NEventsListener")]
    pub nevents_listener: i64,
    /// Of the host.
    pub kernel_version: String,
    /// Its name for a person.
    pub operating_system: String,
    /// Its version.
    #[serde(rename = "OSVersion")]
    pub os_version: String,
    /// `linux`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// `x86_64`…
    pub architecture: String,
    /// CPUs of the host.
    #[serde(rename = "NCPU")]
    pub ncpu: i64,
    /// Bytes of the host.
    pub mem_total: i64,
    /// The default registry's old index.
    pub index_server_address: String,
    /// How registries are reached.
    pub registry_config: RegistryServiceConfig,
    /// What the node offers to services besides processors and memory.
    pub generic_resources: Option<Vec<GenericResource>>,
    /// As the daemon uses it.
    pub http_proxy: String,
    /// As the daemon uses it.
    pub https_proxy: String,
    /// As the daemon uses it.
    pub no_proxy: String,
    /// Host name.
    pub name: String,
    /// `name=value` of the daemon.
    pub labels: Vec<String>,
    /// Experimental features are on.
    pub experimental_build: bool,
    /// Version of the daemon.
    pub server_version: String,
    /// By name.
    pub runtimes: BTreeMap<String, RuntimeInfo>,
    /// A name among them.
    pub default_runtime: String,
    /// This node's place in the swarm.
    pub swarm: SwarmInfo,
    /// Containers outlive the daemon: always.
    pub live_restore_enabled: bool,
    /// Empty.
    pub isolation: String,
    /// The program that reaps.
    pub init_binary: String,
    /// Clients print it; nothing here.
    pub containerd_commit: Commit,
    /// Clients print it; the runtime's version.
    pub runc_commit: Commit,
    /// Clients print it; nothing here.
    pub init_commit: Commit,
    /// `name=seccomp,profile=builtin`…
    pub security_options: Vec<String>,
    /// Pools of new networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_address_pools: Vec<AddressPool>,
    /// What filters packets; since 1.49.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall_backend: Option<FirewallInfo>,
    /// Directories of device descriptions.
    #[serde(rename = "CDISpecDirs")]
    pub cdi_spec_dirs: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What is built in, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginsInfo {
    /// Volume drivers.
    pub volume: Vec<String>,
    /// Network drivers.
    pub network: Vec<String>,
    /// Authorization plugins.
    pub authorization: Option<Vec<String>>,
    /// Log drivers.
    pub log: Vec<String>,
}

/// How registries are reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RegistryServiceConfig {
    /// Plain HTTP is taken from these.
    #[serde(rename = "InsecureRegistryCIDRs")]
    pub insecure_registry_cidrs: Vec<String>,
    /// By name.
    pub index_configs: BTreeMap<String, IndexInfo>,
    /// Mirrors of the default registry.
    pub mirrors: Vec<String>,
}

/// One registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// Its mirrors.
    pub mirrors: Vec<String>,
    /// Only by HTTPS.
    pub secure: bool,
    /// The default one.
    pub official: bool,
}

/// One runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// The program.
    pub path: String,
}

/// A version of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Commit {
    /// Its name.
    #[serde(rename = "ID")]
    pub id: String,
}

/// A pool of subnets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AddressPool {
    /// With its mask's length.
    pub base: String,
    /// Mask's length of one subnet.
    pub size: u8,
}

/// What filters packets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FirewallInfo {
    /// `nftables`.
    pub driver: String,
    /// Pairs of name and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub info: Vec<[String; 2]>,
}
