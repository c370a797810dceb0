//! What the daemon says of itself: ping, version, info.

use std::collections::BTreeMap;

use ::http::Method;
use ::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, PRAGMA};
use engine::Status;
use engine_api::system::{
    AddressPool, Commit, ComponentVersion, FirewallInfo, IndexInfo, PlatformName, PluginsInfo,
    RegistryServiceConfig, RuntimeInfo, SystemInfo, SystemVersion,
};
use engine_api::{MAX_MINOR, Timestamp};

use super::swarm;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::table::Table;
use crate::http::version::Version;
use crate::machine::{self, Machine};
use crate::{Facts, LocalState, NETWORK_DRIVERS, NodeStatus, VOLUME_DRIVERS, convert};

/// Clients take 1 for the classic builder, 2 for BuildKit.
const BUILDER: (HeaderName, HeaderValue) =
    (HeaderName::from_static("builder-version"), HeaderValue::from_static("1"));
const SWARM: HeaderName = HeaderName::from_static("swarm");
/// Since this version `info` tells what filters packets.
const FIREWALL_SINCE: u16 = 49;
const INDEX: &str = "https://index.docker.io/v1/";

pub(super) fn routes(table: &mut Table) {
    table.on(Method::GET, "/_ping", ping);
    table.on(Method::HEAD, "/_ping", ping);
    table.on(Method::GET, "/version", version);
    table.on(Method::GET, "/info", info);
}

async fn ping(call: Call) -> Outcome {
    let mut response = Answer::text("OK");
    let headers = response.headers_mut();
    headers.insert(BUILDER.0, BUILDER.1);
    headers.insert(SWARM, HeaderValue::from_static(swarm_word(&call.api.node.status())));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response.into())
}

fn swarm_word(status: &NodeStatus) -> &'static str {
    match (status.state, status.control_available) {
        (LocalState::Inactive, _) => "inactive",
        (LocalState::Pending, _) => "pending",
        (LocalState::Error, _) => "error",
        (LocalState::Locked, _) => "locked",
        (LocalState::Active, true) => "active/manager",
        (LocalState::Active, false) => "active/worker",
    }
}

async fn version(call: Call) -> Outcome {
    let machine = look().await?;
    let facts = call.api.facts.borrow().clone();
    let compiler = "rust".to_owned();
    let newest = Version(MAX_MINOR).to_string();
    let oldest = Version(facts.min_minor).to_string();
    let arch = machine::go_architecture().to_owned();
    let details = [
        ("ApiVersion", newest.clone()),
        ("Arch", arch.clone()),
        ("BuildTime", String::new()),
        ("Experimental", facts.experimental.to_string()),
        ("GitCommit", facts.commit.clone()),
        ("GoVersion", compiler.clone()),
        ("KernelVersion", machine.kernel.clone()),
        ("MinAPIVersion", oldest.clone()),
        ("Os", "linux".to_owned()),
    ];
    let engine = ComponentVersion {
        name: "Engine".to_owned(),
        version: facts.version.clone(),
        details: details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    Answer::json(&SystemVersion {
        platform: PlatformName { name: "Shoal".to_owned() },
        components: vec![engine],
        version: facts.version.clone(),
        api_version: newest,
        min_api_version: oldest,
        git_commit: facts.commit.clone(),
        go_version: compiler,
        os: "linux".to_owned(),
        arch,
        kernel_version: machine.kernel,
        experimental: facts.experimental,
        build_time: String::new(),
    })
}

async fn info(call: Call) -> Outcome {
    let machine = look().await?;
    let facts = call.api.facts.borrow().clone();
    let records = call.api.containers.list();
    let count = |wanted: fn(Status) -> bool| {
        i64::try_from(records.iter().filter(|record| wanted(record.state.status)).count()).unwrap_or(i64::MAX)
    };
    let mut info = of_machine(&machine);
    of_facts(&mut info, &facts);
    info.containers = count(|_| true);
    info.containers_running = count(|status| matches!(status, Status::Running | Status::Restarting));
    info.containers_paused = count(|status| status == Status::Paused);
    info.containers_stopped =
        count(|status| matches!(status, Status::Created | Status::Exited | Status::Removing | Status::Dead));
    info.images = i64::try_from(call.api.images.list().await?.len()).unwrap_or(i64::MAX);
    info.swarm = swarm::info(&call.api).await;
    if call.version.since(FIREWALL_SINCE) {
        info.firewall_backend = Some(FirewallInfo { driver: "nftables".to_owned(), info: Vec::new() });
    }
    Answer::json(&info)
}

async fn look() -> Result<Machine, Failure> {
    tokio::task::spawn_blocking(machine::look).await.map_err(|error| Failure::internal(error.to_string()))
}

fn of_machine(machine: &Machine) -> SystemInfo {
    SystemInfo {
        memory_limit: true,
        swap_limit: true,
        cpu_cfs_period: true,
        cpu_cfs_quota: true,
        cpu_shares: true,
        cpu_set: true,
        pids_limit: true,
        oom_kill_disable: true,
        ipv4_forwarding: machine.forwards_ipv4,
        nfd: machine.open_files,
        ngoroutines: machine.threads,
        system_time: Timestamp::from_ns(swarm_api::now_ns()),
        kernel_version: machine.kernel.clone(),
        operating_system: machine.system.clone(),
        os_version: machine.system_version.clone(),
        os_type: "linux".to_owned(),
        architecture: machine.architecture.clone(),
        ncpu: machine.cpus,
        mem_total: machine.memory,
        ..SystemInfo::default()
    }
}

fn of_facts(info: &mut SystemInfo, facts: &Facts) {
    info.id.clone_from(&facts.id);
    info.name.clone_from(&facts.name);
    info.server_version.clone_from(&facts.version);
    info.docker_root_dir.clone_from(&facts.data_root);
    info.labels.clone_from(&facts.labels);
    info.debug = facts.debug;
    info.experimental_build = facts.experimental;
    info.logging_driver.clone_from(&facts.log_driver);
    info.cgroup_driver.clone_from(&facts.cgroup_driver);
    info.cgroup_version.clone_from(&facts.cgroup_version);
    info.warnings.clone_from(&facts.warnings);
    info.driver.clone_from(&facts.storage_driver);
    info.driver_status = vec![["Backing Filesystem".to_owned(), facts.backing_filesystem.clone()]];
    if facts.storage_driver == "overlay2" {
        info.driver_status.push(["Native Overlay Diff".to_owned(), "true".to_owned()]);
    }
    info.index_server_address = INDEX.to_owned();
    info.live_restore_enabled = true;
    info.init_binary = "shoal-shim".to_owned();
    info.runc_commit = Commit { id: facts.version.clone() };
    info.default_runtime.clone_from(&facts.default_runtime);
    let runtimes = facts.runtimes.iter();
    info.runtimes = runtimes.map(|(name, path)| (name.clone(), RuntimeInfo { path: path.clone() })).collect();
    info.security_options.clone_from(&facts.security_options);
    info.cdi_spec_dirs.clone_from(&facts.cdi_spec_dirs);
    let generic: Vec<_> =
        facts.generic_resources.iter().cloned().map(convert::service::told_generic).collect();
    info.generic_resources = (!generic.is_empty()).then_some(generic);
    info.plugins = PluginsInfo {
        volume: VOLUME_DRIVERS.map(str::to_owned).to_vec(),
        network: NETWORK_DRIVERS.map(str::to_owned).to_vec(),
        authorization: None,
        log: engine::LOG_DRIVERS.map(str::to_owned).to_vec(),
    };
    info.default_address_pools = facts
        .address_pools
        .iter()
        .map(|pool| AddressPool { base: pool.base.clone(), size: pool.size })
        .collect();
    info.registry_config = registries(facts);
}

fn registries(facts: &Facts) -> RegistryServiceConfig {
    let hub = IndexInfo {
        name: "docker.io".to_owned(),
        mirrors: facts.registry_mirrors.clone(),
        secure: true,
        official: true,
    };
    let mut config = RegistryServiceConfig {
        insecure_registry_cidrs: vec!["::1/128".to_owned(), "127.0.0.0/8".to_owned()],
        index_configs: BTreeMap::from([(hub.name.clone(), hub)]),
        mirrors: facts.registry_mirrors.clone(),
    };
    for registry in &facts.insecure_registries {
        if registry.contains('/') {
            config.insecure_registry_cidrs.push(registry.clone());
        } else {
            let index = IndexInfo { name: registry.clone(), ..IndexInfo::default() };
            config.index_configs.insert(registry.clone(), index);
        }
    }
    config
}
