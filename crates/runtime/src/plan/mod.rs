//! An OCI specification, checked and turned into what the kernel wants. Pure: no IO, nothing done yet.
//!
//! Everything that can be refused is refused here, before anything exists that would have to be undone.

mod idmap;
mod label;
mod mount;
mod mount_option;
mod process;
mod refuse;
mod schedule;

use std::path::{Component, Path, PathBuf};

use crate::hook::Hooks;
use crate::oci::{
    Linux, LinuxDevice, LinuxDeviceType, LinuxNamespaceType, LinuxPersonality, LinuxPersonalityDomain,
    LinuxResources, Spec,
};
use crate::seccomp::{self, Filter};
use crate::sysctl::{self, Owner};
use crate::{Error, GROUPS_ANNOTATION, Result, VOLATILE_ANNOTATION};

pub(crate) use idmap::{IdMap, IdMaps};
pub(crate) use label::{Labels, UNCONFINED};
pub(crate) use mount::{Kind, Mount, Owners};
pub(crate) use mount_option::{HOST, LOWER, SUBPATH};
pub use process::available_capabilities;
pub(crate) use process::{Process, Rlimit};
pub(crate) use schedule::Schedule;

/// All that the clone needs to know.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Namespaces that the clone makes, as `CLONE_NEW*`.
    pub(crate) new_namespaces: u64,
    /// The cgroup namespace is made later, in the cgroup, so that it is its root.
    pub(crate) new_cgroup_namespace: bool,
    /// The time namespace takes effect for children of whoever makes it, and takes its offsets before that.
    pub(crate) new_time_namespace: bool,
    /// Lines for `/proc/self/timens_offsets`.
    pub(crate) time_offsets: String,
    /// Namespaces of others, in joining order.
    pub(crate) join: Vec<(NamespaceKind, PathBuf)>,
    /// Whose users the container's are; the machine's if `None`.
    pub(crate) users: Option<Users>,
    pub(crate) root_readonly: bool,
    /// See [`crate::VOLATILE_ANNOTATION`].
    pub(crate) volatile: bool,
    /// Propagation of the root: `MS_*` or 0.
    pub(crate) root_propagation: u64,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) devices: Vec<Device>,
    pub(crate) masked_paths: Vec<PathBuf>,
    pub(crate) readonly_paths: Vec<PathBuf>,
    pub(crate) hostname: Option<String>,
    pub(crate) domainname: Option<String>,
    /// Paths beneath `/proc/sys`, values.
    pub(crate) sysctls: Vec<(PathBuf, String)>,
    pub(crate) process: Process,
    pub(crate) hooks: Hooks,
    /// `PER_*`.
    pub(crate) personality: Option<libc::c_ulong>,
    pub(crate) filter: Option<Filter>,
    pub(crate) cgroup: PathBuf,
    pub(crate) resources: LinuxResources,
}

/// The user namespace of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Users {
    /// A new one.
    New(IdMaps),
    /// Another's.
    Join(PathBuf),
}

/// A namespace that can be joined by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamespaceKind {
    Mount,
    Network,
    Ipc,
    Uts,
    Cgroup,
    Pid,
    Time,
}

impl NamespaceKind {
    /// Its `CLONE_NEW*`.
    pub(crate) fn flag(self) -> libc::c_int {
        match self {
            NamespaceKind::Mount => libc::CLONE_NEWNS,
            NamespaceKind::Network => libc::CLONE_NEWNET,
            NamespaceKind::Ipc => libc::CLONE_NEWIPC,
            NamespaceKind::Uts => libc::CLONE_NEWUTS,
            NamespaceKind::Cgroup => libc::CLONE_NEWCGROUP,
            NamespaceKind::Pid => libc::CLONE_NEWPID,
            NamespaceKind::Time => libc::CLONE_NEWTIME,
        }
    }
}

/// A device node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// Absolute, in the container.
    pub(crate) path: PathBuf,
    /// File type and permissions, as mknod(2) takes them.
    pub(crate) mode: u32,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Plan {
    /// Checks and translates `spec`. `id` names the cgroup if the specification does not.
    pub(crate) fn new(spec: &Spec, id: &str) -> Result<Plan> {
        refuse::unsupported(spec)?;
        let linux = spec.linux().as_ref().ok_or_else(|| invalid("there is no linux section"))?;
        let process = spec.process().as_ref().ok_or_else(|| invalid("there is no process section"))?;
        let mut plan = Plan {
            new_namespaces: 0,
            new_cgroup_namespace: false,
            new_time_namespace: false,
            time_offsets: time_offsets(linux)?,
            join: Vec::new(),
            users: None,
            root_readonly: spec.root().as_ref().and_then(|r| r.readonly()) == Some(true),
            volatile: spec
                .annotations()
                .as_ref()
                .is_some_and(|annotations| annotations.get(VOLATILE_ANNOTATION).is_some_and(|v| v == "true")),
            root_propagation: mount_option::propagation(linux.rootfs_propagation().as_deref())?,
            mounts: Vec::new(),
            devices: devices(linux.devices().as_deref().unwrap_or_default())?,
            masked_paths: paths(linux.masked_paths().as_deref())?,
            readonly_paths: paths(linux.readonly_paths().as_deref())?,
            hostname: spec.hostname().clone(),
            domainname: spec.domainname().clone(),
            sysctls: Vec::new(),
            process: Process::new(process)?,
            hooks: Hooks::new(spec.hooks().as_ref())?,
            personality: linux.personality().as_ref().map(personality).transpose()?,
            filter: linux.seccomp().as_ref().map(seccomp::compile).transpose()?,
            cgroup: cgroup_path(linux.cgroups_path().as_deref(), id)?,
            resources: linux.resources().clone().unwrap_or_default(),
        };
        for namespace in linux.namespaces().iter().flatten() {
            plan.add_namespace(namespace.typ(), namespace.path().as_deref(), linux)?;
        }
        if !plan.has_own(NamespaceKind::Mount) {
            return Err(invalid("a container cannot be made in the host's mount namespace"));
        }
        if !plan.time_offsets.is_empty() && !plan.new_time_namespace {
            return Err(invalid("timeOffsets need a new time namespace"));
        }
        // The last, since whoever joins it sees other paths.
        plan.join.sort_by_key(|(kind, _)| *kind == NamespaceKind::Mount);
        for mount in spec.mounts().iter().flatten() {
            plan.mounts.push(Mount::new(mount)?);
        }
        for (key, value) in linux.sysctl().iter().flatten() {
            plan.sysctls.push((plan.sysctl_path(key)?, value.clone()));
        }
        plan.process.labels.add_mounts(linux)?;
        plan.process.group_names = group_names(spec);
        plan.check_hostname()?;
        Ok(plan)
    }

    /// Whether the container has a namespace of this kind that is not the host's.
    pub(crate) fn has_own(&self, kind: NamespaceKind) -> bool {
        self.new_namespaces & kind.flag() as u64 != 0 || self.join.iter().any(|(joined, _)| *joined == kind)
    }

    /// Whether the container cannot simply be a clone of the caller.
    pub(crate) fn is_staged(&self) -> bool {
        self.users.is_some() || self.new_time_namespace || self.mounts.iter().any(Mount::needs_machine)
    }

    fn add_namespace(&mut self, typ: LinuxNamespaceType, path: Option<&Path>, linux: &Linux) -> Result<()> {
        let path = path.filter(|path| !path.as_os_str().is_empty());
        let kind = match typ {
            LinuxNamespaceType::User => return self.add_users(path, linux),
            LinuxNamespaceType::Time => NamespaceKind::Time,
            LinuxNamespaceType::Mount => NamespaceKind::Mount,
            LinuxNamespaceType::Network => NamespaceKind::Network,
            LinuxNamespaceType::Ipc => NamespaceKind::Ipc,
            LinuxNamespaceType::Uts => NamespaceKind::Uts,
            LinuxNamespaceType::Cgroup => NamespaceKind::Cgroup,
            LinuxNamespaceType::Pid => NamespaceKind::Pid,
        };
        if self.has_own(kind) {
            return Err(invalid(&format!("there are two namespaces of type {typ}")));
        }
        match (path, kind) {
            (Some(path), _) => self.join.push((kind, path.to_owned())),
            (None, NamespaceKind::Cgroup) => self.new_cgroup_namespace = true,
            (None, NamespaceKind::Time) => self.new_time_namespace = true,
            (None, _) => self.new_namespaces |= kind.flag() as u64,
        }
        Ok(())
    }

    fn add_users(&mut self, path: Option<&Path>, linux: &Linux) -> Result<()> {
        let maps = IdMaps::new(linux.uid_mappings().as_deref(), linux.gid_mappings().as_deref())?;
        self.users = Some(match (path, maps) {
            (Some(path), _) => Users::Join(path.to_owned()),
            (None, Some(maps)) => Users::New(maps),
            (None, None) => return Err(invalid("a user namespace needs uidMappings and gidMappings")),
        });
        Ok(())
    }

    fn check_hostname(&self) -> Result<()> {
        let named = self.hostname.is_some() || self.domainname.is_some();
        if named && !self.has_own(NamespaceKind::Uts) {
            return Err(invalid("a host name needs a uts namespace that is not the host's"));
        }
        Ok(())
    }

    /// Only parameters that belong to one of the container's own namespaces: others would change the host.
    fn sysctl_path(&self, key: &str) -> Result<PathBuf> {
        let path = sysctl::path(key).ok_or_else(|| invalid(&format!("sysctl {key:?} is not a name")))?;
        let owner = match sysctl::owner(key) {
            Some(Owner::Network) => NamespaceKind::Network,
            Some(Owner::Ipc) => NamespaceKind::Ipc,
            Some(Owner::Uts) => NamespaceKind::Uts,
            None => return Err(invalid(&format!("sysctl {key:?} is not in a separate kernel namespace"))),
        };
        if !self.has_own(owner) {
            return Err(invalid(&format!("sysctl {key:?} is not allowed in the host's {owner:?} namespace")));
        }
        Ok(path)
    }
}

/// Names of further groups of the process: see [`GROUPS_ANNOTATION`].
pub fn group_names(spec: &Spec) -> Vec<String> {
    let annotations = spec.annotations().as_ref();
    let names = annotations.and_then(|annotations| annotations.get(GROUPS_ANNOTATION));
    names.iter().flat_map(|names| names.split(',')).map(str::to_owned).collect()
}

fn personality(personality: &LinuxPersonality) -> Result<libc::c_ulong> {
    if personality.flags().as_ref().is_some_and(|flags| !flags.is_empty()) {
        return Err(invalid("linux.personality has no flags yet"));
    }
    // As personality(2) has them.
    Ok(match personality.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    })
}

fn time_offsets(linux: &Linux) -> Result<String> {
    let mut lines = String::new();
    for (clock, offset) in linux.time_offsets().iter().flatten() {
        if !matches!(clock.as_str(), "monotonic" | "boottime") {
            return Err(invalid(&format!("the clock {clock:?} has no offset in a time namespace")));
        }
        let (seconds, nanos) = (offset.secs().unwrap_or(0), offset.nanosecs().unwrap_or(0));
        lines += &format!("{clock} {seconds} {nanos}\n");
    }
    Ok(lines)
}

/// An [`Error::Invalid`].
pub(crate) fn invalid(what: &str) -> Error {
    Error::Invalid(what.to_owned())
}

/// An absolute path without `..`.
pub(crate) fn checked_path(path: &Path) -> Result<&Path> {
    let plain = path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain {
        Ok(path)
    } else {
        Err(invalid(&format!("{} is not an absolute path without '..'", path.display())))
    }
}

fn paths(paths: Option<&[String]>) -> Result<Vec<PathBuf>> {
    paths.unwrap_or_default().iter().map(|path| checked_path(Path::new(path)).map(Path::to_owned)).collect()
}

fn cgroup_path(path: Option<&Path>, id: &str) -> Result<PathBuf> {
    let path = match path {
        Some(path) if !path.as_os_str().is_empty() => path.to_owned(),
        _ => Path::new("/shoal").join(id),
    };
    if path.to_string_lossy().contains(':') {
        return Err(Error::NotImplemented("a cgroup path of systemd's form"));
    }
    Ok(path)
}

fn devices(devices: &[LinuxDevice]) -> Result<Vec<Device>> {
    let mut all: Vec<Device> = Vec::new();
    // The default ones come first: whoever names one of them again may change its mode, not omit it.
    for device in crate::default::devices().iter().chain(devices) {
        let kind = match device.typ() {
            LinuxDeviceType::C | LinuxDeviceType::U => libc::S_IFCHR,
            LinuxDeviceType::B => libc::S_IFBLK,
            LinuxDeviceType::P => libc::S_IFIFO,
            LinuxDeviceType::A => return Err(invalid("a device node cannot be of type 'a'")),
        };
        let number =
            |number: i64| u32::try_from(number).map_err(|_| invalid("a device number is out of range"));
        let path = checked_path(device.path())?.to_owned();
        all.retain(|other| other.path != path);
        all.push(Device {
            path,
            mode: kind | (device.file_mode().unwrap_or(0o666) & 0o7777),
            major: number(device.major())?,
            minor: number(device.minor())?,
            uid: device.uid().unwrap_or(0),
            gid: device.gid().unwrap_or(0),
        });
    }
    Ok(all)
}
