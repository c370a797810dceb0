//! Builds the OCI `config.json` of a container from its plan.
//!
//! Pure but for the devices, whose numbers are looked up on the host. Outputs types of `runtime::oci` only; what they
//! mean to the kernel is the runtime's business.

mod block;
mod device;
mod mount;

pub(crate) use block::limit as limit_blocks;
pub(crate) use device::node as device_node;

use crate::cdi;
use crate::error::Result;
use crate::plan::{Plan, Share};
use crate::record::Record;
use crate::spec::{HostConfig, NetworkMode};
use crate::userns::{IdMaps, mappings};
use crate::volume::Sources;
use runtime::oci::{Linux, LinuxNamespace, LinuxNamespaceType, Process, Root, Spec, User};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Where the root would be if the runtime did not take it from `shim.json`.
const ROOT_PATH: &str = "rootfs";
/// Whether this kernel has AppArmor, and uses it.
const APPARMOR_SWITCH: &str = "/sys/module/apparmor/parameters/enabled";

/// What the plan cannot know: paths and processes of this run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) record: &'a Record,
    pub(crate) plan: &'a Plan,
    pub(crate) hostname: &'a str,
    pub(crate) hosts: &'a Path,
    pub(crate) hostname_file: &'a Path,
    pub(crate) resolv_conf: &'a Path,
    /// Absolute beneath the cgroup hierarchies.
    pub(crate) cgroup: &'a Path,
    pub(crate) private_cgroupns: bool,
    /// The first process of the container whose network is shared.
    pub(crate) network_of: Option<u32>,
    /// The first process of the container whose process tree is shared.
    pub(crate) pids_of: Option<u32>,
    /// The first process of the container whose ipc namespace is shared.
    pub(crate) ipc_of: Option<u32>,
    /// The users of the host that stand for the container's.
    pub(crate) users: Option<&'a IdMaps>,
    /// What was found out about its mounts.
    pub(crate) sources: &'a Sources,
    /// Where specifications of devices are.
    pub(crate) cdi_spec_dirs: &'a [PathBuf],
    /// Variables that tell of linked containers.
    pub(crate) linked_env: &'a [String],
}

/// The whole configuration.
///
/// # Errors
/// If a device of the host that was asked for is none.
pub(crate) fn build(run: &Run<'_>) -> Result<Spec> {
    let host = &run.record.spec.host;
    let mut root = Root::default();
    root.set_path(ROOT_PATH.into()).set_readonly(Some(host.readonly_rootfs));
    let mut spec = Spec::default();
    spec.set_root(Some(root))
        .set_mounts(Some(mount::mounts(run)))
        .set_process(Some(process(run)))
        .set_linux(Some(linux(run)?))
        .set_annotations(annotations(host));
    cdi::inject(&host.resources.device_requests, run.cdi_spec_dirs, &mut spec)?;
    // Also where there is none to set: the specification's default has a name in it.
    let own_name = run.plan.namespaces.uts == Share::Own;
    let domain = &run.record.spec.config.domainname;
    spec.set_hostname(own_name.then(|| run.hostname.to_owned()))
        .set_domainname((own_name && !domain.is_empty()).then(|| domain.clone()));
    Ok(spec)
}

fn process(run: &Run<'_>) -> Process {
    let config = &run.record.spec.config;
    let host = &run.record.spec.host;
    let mut env = config.env.clone();
    for entry in run.linked_env {
        let name = entry.split('=').next().unwrap_or_default();
        if !env.iter().any(|own| own.split('=').next() == Some(name)) {
            env.push(entry.clone());
        }
    }
    if !env.iter().any(|entry| entry.starts_with("HOSTNAME=")) {
        env.push(format!("HOSTNAME={}", run.hostname));
    }
    if config.tty && !env.iter().any(|entry| entry.starts_with("TERM=")) {
        env.push("TERM=xterm".to_owned());
    }
    let mut args = vec![run.record.path.clone()];
    args.extend_from_slice(&run.record.args);
    let numbers: Vec<u32> = host.group_add.iter().filter_map(|group| group.parse().ok()).collect();
    let mut user = User::default();
    user.set_additional_gids((!numbers.is_empty()).then_some(numbers));
    let mut process = Process::default();
    process
        .set_terminal(Some(config.tty))
        .set_user(user)
        .set_apparmor_profile(run.plan.security.apparmor.clone().filter(|_| has_apparmor()))
        .set_args(Some(args))
        .set_env(Some(env))
        .set_cwd(PathBuf::from(if config.working_dir.is_empty() { "/" } else { &config.working_dir }))
        .set_capabilities(Some(runtime::default::capability_sets(&run.plan.capabilities)))
        .set_rlimits((!run.plan.rlimits.is_empty()).then(|| run.plan.rlimits.clone()))
        .set_no_new_privileges(Some(run.plan.security.no_new_privileges))
        .set_oom_score_adj((host.oom_score_adj != 0).then_some(host.oom_score_adj));
    process
}

/// A profile by name means nothing to a kernel without AppArmor; Docker starts the container all the same.
fn has_apparmor() -> bool {
    std::fs::read(APPARMOR_SWITCH).is_ok_and(|text| text.first() == Some(&b'Y'))
}

/// The user's, and the groups whose numbers only the container's own group file tells.
fn annotations(host: &HostConfig) -> Option<HashMap<String, String>> {
    let mut all: HashMap<_, _> =
        host.annotations.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let names: Vec<&str> =
        host.group_add.iter().map(String::as_str).filter(|group| group.parse::<u32>().is_err()).collect();
    all.remove(runtime::VOLATILE_ANNOTATION);
    all.remove(runtime::GROUPS_ANNOTATION);
    if !names.is_empty() {
        all.insert(runtime::GROUPS_ANNOTATION.to_owned(), names.join(","));
    }
    (!all.is_empty()).then_some(all)
}

fn linux(run: &Run<'_>) -> Result<Linux> {
    let plan = run.plan;
    let host = &run.record.spec.host;
    let mut resources = plan.resources.clone();
    let (nodes, mut rules) = device::devices(&host.resources.devices, host.privileged)?;
    rules.extend_from_slice(&plan.device_rules);
    resources.set_devices(Some(rules));
    block::limit(&host.resources, &mut resources)?;
    let mut linux = Linux::default();
    if let Some(users) = run.users {
        linux.set_uid_mappings(Some(mappings(&users.uids))).set_gid_mappings(Some(mappings(&users.gids)));
    }
    linux
        .set_namespaces(Some(namespaces(run)))
        .set_cgroups_path(Some(run.cgroup.to_owned()))
        .set_resources(Some(resources))
        .set_devices(Some(nodes))
        .set_sysctl((!plan.sysctls.is_empty()).then(|| plan.sysctls.iter().cloned().collect()))
        .set_seccomp(plan.security.seccomp.clone())
        .set_masked_paths(Some(plan.security.masked_paths.clone()))
        .set_readonly_paths(Some(plan.security.readonly_paths.clone()));
    Ok(linux)
}

fn namespaces(run: &Run<'_>) -> Vec<LinuxNamespace> {
    let namespace = |typ, path: Option<PathBuf>| {
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(typ).set_path(path);
        namespace
    };
    let of = |pid: u32, name: &str| Some(PathBuf::from(format!("/proc/{pid}/ns/{name}")));
    let mut list = vec![namespace(LinuxNamespaceType::Mount, None)];
    let plan = &run.plan.namespaces;
    if run.users.is_some() {
        // Whoever shares another namespace must be of the users that own it.
        let shared = [run.network_of, run.pids_of, run.ipc_of].into_iter().flatten().next();
        list.push(namespace(LinuxNamespaceType::User, shared.and_then(|pid| of(pid, "user"))));
    }
    match plan.pid {
        Share::Own => list.push(namespace(LinuxNamespaceType::Pid, None)),
        Share::Host => {}
        Share::Container(_) => {
            list.push(namespace(LinuxNamespaceType::Pid, run.pids_of.and_then(|pid| of(pid, "pid"))));
        }
    }
    match plan.ipc {
        Share::Own => list.push(namespace(LinuxNamespaceType::Ipc, None)),
        Share::Host => {}
        Share::Container(_) => {
            list.push(namespace(LinuxNamespaceType::Ipc, run.ipc_of.and_then(|pid| of(pid, "ipc"))));
        }
    }
    if plan.uts == Share::Own {
        list.push(namespace(LinuxNamespaceType::Uts, None));
    }
    match run.record.spec.host.network_mode {
        NetworkMode::Host => {}
        NetworkMode::Container(_) => {
            list.push(namespace(LinuxNamespaceType::Network, run.network_of.and_then(|pid| of(pid, "net"))));
        }
        NetworkMode::Default | NetworkMode::Bridge | NetworkMode::None | NetworkMode::Named(_) => {
            list.push(namespace(LinuxNamespaceType::Network, None));
        }
    }
    if run.private_cgroupns {
        list.push(namespace(LinuxNamespaceType::Cgroup, None));
    }
    list
}
