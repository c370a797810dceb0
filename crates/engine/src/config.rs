//! What the daemon decides for its engine.

use crate::cgroup::CgroupDriver;
use crate::driver::StorageDriver;
use crate::spec::{LogConfig, NamespaceMode, Ulimit};
use crate::userns::IdMaps;
use shim::ForeignRuntime;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings of one engine.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineConfig {
    /// The daemon's own short name (letters, digits, dashes): names its cgroup, so that several share a machine.
    pub name: String,
    /// Where what must survive a reboot lies.
    pub data_root: PathBuf,
    /// Where what a reboot ends lies: sockets, process state. A tmpfs.
    pub exec_root: PathBuf,
    /// The file that tells one start of the machine from another.
    pub boot_id: PathBuf,
    /// How the files of containers are kept; one data root knows only one.
    pub storage_driver: StorageDriver,
    /// The directory of `shoal-shim`.
    pub libexec: PathBuf,
    /// The host's resolver configuration that containers inherit, normally `/etc/resolv.conf`.
    pub host_resolv_conf: PathBuf,
    /// Who makes the cgroups of containers.
    pub cgroup_driver: CgroupDriver,
    /// Under which cgroup those of containers are made; empty means `/<name>`, or with systemd `system.slice`.
    pub cgroup_parent: String,
    /// Whether containers get a small init unless they say otherwise.
    pub init: bool,
    /// `private` or `host`; `Default` means private on cgroup v2, host on v1, as Docker.
    pub default_cgroupns_mode: NamespaceMode,
    /// `private` or `shareable`; `Default` means private.
    pub default_ipc_mode: NamespaceMode,
    /// Limits of containers that do not set their own.
    pub default_ulimits: Vec<Ulimit>,
    /// The log driver and options of containers that do not name one.
    pub default_log: LogConfig,
    /// The journal's socket, for the log driver `journald`.
    pub journal_socket: PathBuf,
    /// Other OCI runtimes, by the names containers ask for them.
    pub runtimes: BTreeMap<String, ForeignRuntime>,
    /// The runtime of containers that do not name one; empty means the built-in one.
    pub default_runtime: String,
    /// Bytes of `/dev/shm` of containers that do not say; 0 means 64 MiB.
    pub default_shm_size: i64,
    /// Whether every container gets no-new-privileges.
    pub no_new_privileges: bool,
    /// Users of the host that stand for those of containers; `None` means that they are the same.
    pub userns: Option<IdMaps>,
    /// The seccomp profile of containers that do not name one: `unconfined`, or JSON; empty means the built-in one.
    pub seccomp_profile: String,
    /// Directories of specifications of the container device interface, the last one the strongest.
    pub cdi_spec_dirs: Vec<PathBuf>,
    /// Options of new networks that do not say otherwise, by driver.
    pub default_network_options: BTreeMap<String, BTreeMap<String, String>>,
    /// Name servers of containers that do not name any.
    pub dns: Vec<String>,
    /// Search domains likewise.
    pub dns_search: Vec<String>,
    /// Resolver options likewise.
    pub dns_options: Vec<String>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            name: "shoal".into(),
            data_root: "/var/lib/shoal".into(),
            exec_root: "/run/shoal".into(),
            boot_id: fault::boot_id_path(),
            storage_driver: StorageDriver::default(),
            libexec: "/usr/libexec/shoal".into(),
            host_resolv_conf: "/etc/resolv.conf".into(),
            cgroup_driver: CgroupDriver::default(),
            cgroup_parent: String::new(),
            init: false,
            default_cgroupns_mode: NamespaceMode::Default,
            default_ipc_mode: NamespaceMode::Default,
            default_ulimits: Vec::new(),
            default_log: LogConfig::default(),
            journal_socket: "/run/systemd/journal/socket".into(),
            runtimes: BTreeMap::new(),
            default_runtime: String::new(),
            default_shm_size: 0,
            no_new_privileges: false,
            userns: None,
            seccomp_profile: String::new(),
            cdi_spec_dirs: vec!["/etc/cdi".into(), "/var/run/cdi".into()],
            default_network_options: BTreeMap::new(),
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
        }
    }
}
