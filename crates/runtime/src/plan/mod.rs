//! An OCI specification, checked and turned into what the kernel wants. Pure: no IO, nothing done yet.
//!
//! Everything that can be refused is refused here, before anything exists that would have to be undone.

mod mount;
mod process;
mod refuse;

use std::path::{Component, Path, PathBuf};

use crate::oci::{LinuxDevice, LinuxDeviceType, LinuxNamespaceType, LinuxResources, Spec};
use crate::seccomp::{self, Filter};
use crate::{Error, Result, VOLATILE_ANNOTATION};

pub(crate) use mount::{Kind, Mount};
pub(crate) use process::{Process, Rlimit};

/// All that the clone needs to know.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Namespaces that the clone makes, as `CLONE_NEW*`.
    pub(crate) new_namespaces: u64,
    /// The cgroup namespace is made later, in the cgroup, so that it is its root.
    pub(crate) new_cgroup_namespace: bool,
    /// Namespaces of others, in joining order.
    pub(crate) join: Vec<(NamespaceKind, PathBuf)>,
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
    pub(crate) filter: Option<Filter>,
    pub(crate) cgroup: PathBuf,
    pub(crate) resources: LinuxResources,
}

/// A namespace that can be joined by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamespaceKind {
    Network,
    Ipc,
    Uts,
    Cgroup,
    Pid,
}

impl NamespaceKind {
    /// Its `CLONE_NEW*`.
    pub(crate) fn flag(self) -> libc::c_int {
        match self {
            NamespaceKind::Network => libc::CLONE_NEWNET,
            NamespaceKind::Ipc => libc::CLONE_NEWIPC,
            NamespaceKind::Uts => libc::CLONE_NEWUTS,
            NamespaceKind::Cgroup => libc::CLONE_NEWCGROUP,
            NamespaceKind::Pid => libc::CLONE_NEWPID,
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
            join: Vec::new(),
            root_readonly: spec.root().as_ref().and_then(|r| r.readonly()) == Some(true),
            volatile: spec
                .annotations()
                .as_ref()
                .is_some_and(|annotations| annotations.get(VOLATILE_ANNOTATION).is_some_and(|v| v == "true")),
            root_propagation: mount::propagation(linux.rootfs_propagation().as_deref())?,
            mounts: Vec::new(),
            devices: devices(linux.devices().as_deref().unwrap_or_default())?,
            masked_paths: paths(linux.masked_paths().as_deref())?,
            readonly_paths: paths(linux.readonly_paths().as_deref())?,
            hostname: spec.hostname().clone(),
            domainname: spec.domainname().clone(),
            sysctls: Vec::new(),
            process: Process::new(process)?,
            filter: linux.seccomp().as_ref().map(seccomp::compile).transpose()?,
            cgroup: cgroup_path(linux.cgroups_path().as_deref(), id)?,
            resources: linux.resources().clone().unwrap_or_default(),
        };
        for namespace in linux.namespaces().iter().flatten() {
            plan.add_namespace(namespace.typ(), namespace.path().as_deref())?;
        }
        if plan.new_namespaces & libc::CLONE_NEWNS as u64 == 0 {
            return Err(Error::NotImplemented("a container in another mount namespace"));
        }
        for mount in spec.mounts().iter().flatten() {
            plan.mounts.push(Mount::new(mount)?);
        }
        for (key, value) in linux.sysctl().iter().flatten() {
            plan.sysctls.push((plan.sysctl_path(key)?, value.clone()));
        }
        plan.check_hostname()?;
        Ok(plan)
    }

    /// Whether the container has a namespace of this kind that is not the host's.
    pub(crate) fn has_own(&self, kind: NamespaceKind) -> bool {
        self.new_namespaces & kind.flag() as u64 != 0 || self.join.iter().any(|(joined, _)| *joined == kind)
    }

    fn add_namespace(&mut self, typ: LinuxNamespaceType, path: Option<&Path>) -> Result<()> {
        let kind = match typ {
            LinuxNamespaceType::Mount if path.is_none() => {
                self.new_namespaces |= libc::CLONE_NEWNS as u64;
                return Ok(());
            }
            LinuxNamespaceType::Mount => {
                return Err(Error::NotImplemented("joining a mount namespace"));
            }
            LinuxNamespaceType::User => return Err(Error::NotImplemented("a user namespace")),
            LinuxNamespaceType::Time => return Err(Error::NotImplemented("a time namespace")),
            LinuxNamespaceType::Network => NamespaceKind::Network,
            LinuxNamespaceType::Ipc => NamespaceKind::Ipc,
            LinuxNamespaceType::Uts => NamespaceKind::Uts,
            LinuxNamespaceType::Cgroup => NamespaceKind::Cgroup,
            LinuxNamespaceType::Pid => NamespaceKind::Pid,
        };
        match (path, kind) {
            (Some(path), _) => self.join.push((kind, path.to_owned())),
            (None, NamespaceKind::Cgroup) => self.new_cgroup_namespace = true,
            (None, _) => self.new_namespaces |= kind.flag() as u64,
        }
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
        const IPC: [&str; 8] = [
            "kernel.msgmax",
            "kernel.msgmnb",
            "kernel.msgmni",
            "kernel.sem",
            "kernel.shmall",
            "kernel.shmmax",
            "kernel.shmmni",
            "kernel.shm_rmid_forced",
        ];
        // As sysctl(8): the first separator that occurs is the separator, so that `net/ipv4/conf/eth0.1/…` works.
        let dotted = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.'));
        let path: PathBuf = if dotted { key.split('.').collect() } else { key.split('/').collect() };
        if !path.components().all(|c| matches!(c, Component::Normal(_))) {
            return Err(invalid(&format!("sysctl {key:?} is not a name")));
        }
        let name = key.replace('/', ".");
        let owner = if name.starts_with("net.") {
            NamespaceKind::Network
        } else if IPC.contains(&name.as_str()) || name.starts_with("fs.mqueue.") {
            NamespaceKind::Ipc
        } else if name == "kernel.domainname" {
            NamespaceKind::Uts
        } else {
            return Err(invalid(&format!("sysctl {key:?} is not in a separate kernel namespace")));
        };
        if !self.has_own(owner) {
            return Err(invalid(&format!("sysctl {key:?} is not allowed in the host's {owner:?} namespace")));
        }
        Ok(path)
    }
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
