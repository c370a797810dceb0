//! The daemon's configuration: command line and `daemon.json` in, one checked [`Config`] out.
//!
//! Flags and file keys come from one table ([`key`]). Nothing here touches the machine but reading the file.

mod address;
mod container;
mod error;
mod file;
mod flag;
mod fsck;
mod generic;
mod key;
mod network;
mod runtime;
mod shoal;

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::spec::LogConfig;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use address::{Listen, Which};
pub(crate) use container::Containers;
pub(crate) use error::ConfigError;
pub(crate) use fsck::Fsck;
use key::Effect;
pub(crate) use network::Networks;
pub(crate) use runtime::Runtime;
pub(crate) use shoal::Shoal;

/// Where the configuration file is looked for when none is named; its absence is no error.
const DEFAULT_CONFIG_FILE: &str = "/etc/shoal/daemon.json";
/// Where clients look for the daemon when they are told nothing.
const DEFAULT_SOCKET: &str = "unix:///run/shoal/shoal.sock";

/// An address pool, as `default-address-pools` has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pool {
    pub(crate) base: String,
    pub(crate) size: u8,
}

/// A resource limit of containers; its name is the key it stands under.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ulimit {
    pub(crate) soft: i64,
    pub(crate) hard: i64,
}

/// Every setting this version acts on, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Config {
    pub(crate) hosts: Vec<String>,
    pub(crate) data_root: PathBuf,
    pub(crate) exec_root: PathBuf,
    pub(crate) pidfile: PathBuf,
    pub(crate) group: String,
    pub(crate) debug: bool,
    pub(crate) experimental: bool,
    pub(crate) log_level: String,
    pub(crate) raw_logs: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) node_generic_resources: Vec<String>,
    pub(crate) insecure_registries: Vec<String>,
    pub(crate) registry_mirrors: Vec<String>,
    pub(crate) max_concurrent_uploads: usize,
    pub(crate) max_concurrent_downloads: u32,
    pub(crate) max_download_attempts: u32,
    pub(crate) storage_driver: String,
    pub(crate) tls: bool,
    pub(crate) tlsverify: bool,
    pub(crate) tlscacert: PathBuf,
    pub(crate) tlscert: PathBuf,
    pub(crate) tlskey: PathBuf,
    pub(crate) bip: Option<String>,
    pub(crate) bridge: Option<String>,
    pub(crate) fixed_cidr: Option<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) iptables: bool,
    pub(crate) ip_forward: bool,
    pub(crate) userland_proxy: bool,
    pub(crate) default_address_pools: Vec<Pool>,
    pub(crate) default_cgroupns_mode: String,
    pub(crate) default_runtime: String,
    pub(crate) runtimes: BTreeMap<String, Runtime>,
    pub(crate) default_ulimits: BTreeMap<String, Ulimit>,
    pub(crate) init: bool,
    pub(crate) cgroup_parent: String,
    pub(crate) log_driver: String,
    pub(crate) log_opts: BTreeMap<String, String>,
    pub(crate) swarm_default_advertise_addr: String,
    pub(crate) shutdown_timeout: u64,
    pub(crate) shoal: Shoal,
    #[serde(flatten)]
    pub(crate) networks: Networks,
    #[serde(flatten)]
    pub(crate) containers: Containers,
}

impl Config {
    /// What this node offers to services besides processors and memory.
    pub(crate) fn generic_resources(&self) -> Vec<swarm_api::pb::GenericResource> {
        // Checked when the configuration was read.
        generic::resources(&self.node_generic_resources).unwrap_or_default()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            data_root: "/var/lib/shoal".into(),
            exec_root: "/run/shoal".into(),
            pidfile: "/run/shoal/shoald.pid".into(),
            group: "shoal".into(),
            debug: false,
            experimental: false,
            log_level: "info".into(),
            raw_logs: false,
            labels: Vec::new(),
            node_generic_resources: Vec::new(),
            insecure_registries: Vec::new(),
            registry_mirrors: Vec::new(),
            max_concurrent_uploads: 5,
            max_concurrent_downloads: 3,
            max_download_attempts: 5,
            storage_driver: String::new(),
            tls: false,
            tlsverify: false,
            tlscacert: "/etc/shoal/ca.pem".into(),
            tlscert: "/etc/shoal/cert.pem".into(),
            tlskey: "/etc/shoal/key.pem".into(),
            bip: None,
            bridge: None,
            fixed_cidr: None,
            mtu: None,
            iptables: true,
            ip_forward: true,
            userland_proxy: true,
            default_address_pools: Vec::new(),
            default_cgroupns_mode: "private".into(),
            default_runtime: BUILT_IN_RUNTIME.into(),
            runtimes: BTreeMap::new(),
            default_ulimits: BTreeMap::new(),
            init: false,
            cgroup_parent: String::new(),
            log_driver: "json-file".into(),
            log_opts: BTreeMap::new(),
            swarm_default_advertise_addr: String::new(),
            shutdown_timeout: 15,
            shoal: Shoal::default(),
            networks: Networks::default(),
            containers: Containers::default(),
        }
    }
}

/// The name of our own OCI runtime; `runc`, which scripts name by habit, means the same unless it is configured.
pub(crate) const BUILT_IN_RUNTIME: &str = "shoal-runtime";

/// The outcome of reading the configuration.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// `--validate`: check and end.
    pub(crate) validate: bool,
    /// `--fsck`: check the images and end.
    pub(crate) fsck: Option<Fsck>,
    /// Sentences to log once logging works.
    pub(crate) warnings: Vec<String>,
    /// Where the file was looked for.
    pub(crate) path: PathBuf,
}

/// Reads the command line `args` (program name first) and the configuration file it names.
///
/// # Errors
/// Ends the process, as every command line does, on `--help`, `--version` and unknown flags; returns
/// [`ConfigError`] for everything that is wrong with a value or with the file.
pub(crate) fn load(args: impl IntoIterator<Item = String>) -> Result<Loaded, ConfigError> {
    let flags = flag::read(&flag::command().get_matches_from(args))?;
    let asked_for = flags.config_file.is_some();
    let path = PathBuf::from(flags.config_file.as_deref().unwrap_or(DEFAULT_CONFIG_FILE));
    let settings = file::join(flags.settings, file::read(&path, asked_for)?, &path)?;
    let warnings = warnings(&settings);
    let config = check(serde_json::from_value(Value::Object(settings))?)?;
    Ok(Loaded { config, validate: flags.validate, fsck: flags.fsck, warnings, path })
}

/// One sentence for each setting that is known but has no effect yet.
fn warnings(settings: &Map<String, Value>) -> Vec<String> {
    settings
        .keys()
        .filter_map(|name| key::by_file(name))
        .filter(|key| key.effect == Effect::NotYet)
        .map(|key| format!("the setting {} has no effect yet", key.file))
        .collect()
}

/// Checks the values that a type alone does not.
fn check(mut config: Config) -> Result<Config, ConfigError> {
    if config.hosts.is_empty() {
        config.hosts.push(DEFAULT_SOCKET.to_owned());
    }
    config.tls |= config.tlsverify;
    for host in &config.hosts {
        host.parse::<Listen>()?;
    }
    let wrong =
        |key, value: &str, expected| ConfigError::Value { key, value: format!("{value:?}"), expected };
    network::check(&config)?;
    one_of(
        "storage-driver",
        &config.storage_driver,
        &["", "overlay2", "overlay", "btrfs", "vfs"],
        "overlay2, btrfs or vfs",
    )?;
    one_of("default-cgroupns-mode", &config.default_cgroupns_mode, &["host", "private"], "host or private")?;
    runtime::check(&config)?;
    engine::check_log(&LogConfig { driver: config.log_driver.clone(), options: config.log_opts.clone() })?;
    one_of(
        "log-level",
        &config.log_level,
        &["trace", "debug", "info", "warn", "error", "fatal"],
        "debug, info, warn, error or fatal",
    )?;
    config.containers.check()?;
    config.shoal.gc.policy()?;
    generic::resources(&config.node_generic_resources)?;
    for label in &config.labels {
        if !label.contains('=') {
            return Err(wrong("labels", label, "key=value"));
        }
    }
    for path in [&config.data_root, &config.exec_root] {
        if !path.is_absolute() {
            return Err(wrong("data-root and exec-root", &path.display().to_string(), "an absolute path"));
        }
    }
    Ok(config)
}

fn one_of(
    key: &'static str,
    value: &str,
    allowed: &[&str],
    expected: &'static str,
) -> Result<(), ConfigError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Value { key, value: format!("{value:?}"), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(rest: &[&str]) -> Vec<String> {
        let mut all = vec!["shoald".to_owned(), "--config-file".to_owned(), "/dev/null".to_owned()];
        if rest.contains(&"--config-file") {
            all.truncate(1);
        }
        all.extend(rest.iter().map(|s| (*s).to_owned()));
        all
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daemon.json");
        std::fs::write(&path, text).unwrap();
        (dir, path.display().to_string())
    }

    #[test]
    fn both_flag_forms_and_short_flags() {
        let loaded = load(args(&[
            "-D",
            "-l",
            "warn",
            "--data-root=/a",
            "--exec-root",
            "/b",
            "-H",
            "unix:///x",
            "-H",
            "tcp://127.0.0.1:1",
            "--iptables=false",
            "--init",
        ]))
        .unwrap();
        let config = loaded.config;
        assert!(config.debug && config.init && !config.iptables);
        assert_eq!(config.hosts, ["unix:///x", "tcp://127.0.0.1:1"]);
        assert_eq!((config.data_root, config.exec_root), ("/a".into(), "/b".into()));
    }

    #[test]
    fn dev_null_is_an_empty_file() {
        let config = load(args(&[])).unwrap().config;
        assert_eq!(config.hosts, [DEFAULT_SOCKET]);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let (_dir, path) = file(r#"{"debug": true, "colour": 1}"#);
        let error = load(args(&["--config-file", &path])).unwrap_err().to_string();
        assert!(error.contains("colour") && !error.contains("debug"), "{error}");
    }

    #[test]
    fn a_setting_in_both_places_is_refused() {
        let (_dir, path) = file(r#"{"bip": "10.1.0.1/16"}"#);
        let error = load(args(&["--config-file", &path, "--bip", "10.2.0.1/16"])).unwrap_err().to_string();
        assert!(error.contains("both as a flag and in the configuration file"), "{error}");
    }

    #[test]
    fn settings_without_effect_are_told() {
        let loaded = load(args(&["--selinux-enabled", "--metrics-addr", "127.0.0.1:1"])).unwrap();
        assert_eq!(loaded.warnings.len(), 2);
        assert!(load(args(&["--live-restore", "--containerd", "/x.sock"])).unwrap().warnings.is_empty());
    }

    #[test]
    fn wrong_values_are_named() {
        for (flag, value) in [
            ("--bip", "172.17.0.1"),
            ("--default-address-pool", "base=10.0.0.0/16"),
            ("--default-address-pool", "base=10.0.0.0/16,size=8"),
            ("--default-ulimit", "nofile"),
            ("--storage-driver", "zfs"),
            ("--mtu", "many"),
            ("--label", "plain"),
            ("-H", "ftp://x"),
        ] {
            let error = load(args(&[flag, value])).unwrap_err().to_string();
            assert!(error.starts_with("invalid value"), "{flag} {value}: {error}");
        }
    }

    #[test]
    fn pools_and_ulimits() {
        let config = load(args(&[
            "--default-address-pool",
            "base=10.9.0.0/16,size=24",
            "--default-ulimit",
            "nofile=10:20",
        ]))
        .unwrap()
        .config;
        assert_eq!(config.default_address_pools[0].size, 24);
        let limit = &config.default_ulimits["nofile"];
        assert_eq!((limit.soft, limit.hard), (10, 20));
    }

    #[test]
    fn every_key_is_in_the_table_once() {
        let mut names: Vec<_> = key::KEYS.iter().filter(|k| !k.file.is_empty()).map(|k| k.file).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
