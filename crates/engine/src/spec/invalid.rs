//! What can be wrong with a spec: each a sentence that names the field and what would be right, in Docker's words where
//! clients know them.

/// A spec that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A name outside Docker's alphabet.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    Name(String),
    /// A new name that is the old one.
    #[error("Renaming a container with the same name as its current name")]
    SameName,
    /// Neither command nor entrypoint, here or in the image.
    #[error("no command specified")]
    NoCommand,
    /// The container whose network is to be shared does not exist.
    #[error("No such container: {0}")]
    NoSuchTarget(String),
    /// No image.
    #[error("no image specified: Image must name one")]
    NoImage,
    /// An exposed or published port.
    #[error("invalid port \"{0}\": want NUMBER[-NUMBER][/tcp|udp|sctp]")]
    Port(String),
    /// A transport.
    #[error("invalid protocol \"{0}\": want tcp, udp or sctp")]
    Protocol(String),
    /// A published host port.
    #[error("invalid port specification: \"{0}\"")]
    HostPort(String),
    /// A published host address.
    #[error("invalid IP address in port binding: \"{0}\"")]
    HostIp(String),
    /// A health check.
    #[error("{0}")]
    Health(String),
    /// What this kernel does not have.
    #[error("{0}")]
    Kernel(&'static str),
    /// More processors than there are, or fewer than none.
    #[error("Range of CPUs is from 0.01 to {0}.00, as there are only {0} CPUs available")]
    NanoCpus(i64),
    /// A set of processors or memory nodes that cannot be read.
    #[error("Invalid value {value} for {what}: invalid format: {value}")]
    Cpuset {
        /// `cpuset cpus` or `cpuset mems`.
        what: &'static str,
        /// What it said.
        value: String,
    },
    /// Processors or memory nodes that are not there.
    #[error("Requested {what} are not available - requested {asked}, available: {available}")]
    CpusetAbsent {
        /// `CPUs` or `memory nodes`.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// What there is.
        available: String,
    },
    /// A number that Docker refuses with a sentence of its own.
    #[error("{0}")]
    Bound(&'static str),
    /// A namespace mode.
    #[error("invalid namespace mode \"{0}\"")]
    NamespaceMode(String),
    /// A mode that this namespace does not have.
    #[error("invalid {field}: {value}")]
    Mode {
        /// The field of `HostConfig`.
        field: &'static str,
        /// What it said.
        value: String,
    },
    /// A restart policy.
    #[error(
        "invalid restart policy: unknown policy '{0}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
    )]
    RestartPolicy(String),
    /// A retry count with a policy that has none.
    #[error("invalid restart policy: maximum retry count can only be used with 'on-failure'")]
    RetryCount,
    /// Auto-removal and a restart policy exclude each other.
    #[error("can't create 'AutoRemove' container with restart policy")]
    AutoRemoveRestart,
    /// A stop signal.
    #[error("invalid signal: {0}")]
    Signal(String),
    /// A bind in the short notation.
    #[error("invalid volume specification: '{0}'")]
    Bind(String),
    /// A mount in the long form.
    #[error("invalid mount config for type \"{kind}\": {reason}")]
    Mount {
        /// `bind`, `volume` or `tmpfs`.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A path in a container.
    #[error("bad parameter: path cannot be empty, longer than 4096 bytes or hold a NUL byte: \"{0}\"")]
    ArchivePath(String),
    /// A place to extract to that is a file.
    #[error("extraction point is not a directory")]
    NoDirectory,
    /// A volume's name.
    #[error(
        "\"{0}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If \
         you intended to pass a host directory, use absolute path"
    )]
    VolumeName(String),
    /// A name of one letter.
    #[error("volume name is too short, names should be at least two alphanumeric characters")]
    ShortVolumeName,
    /// A reference to a container whose mounts are to be taken over.
    #[error("invalid volumes-from specification: {0}")]
    VolumesFrom(String),
    /// A volume on what is no directory in the image.
    #[error("cannot mount volume over existing file, file exists {0}")]
    VolumeOverFile(String),
    /// Two mounts on one path.
    #[error("Duplicate mount point: {0}")]
    DuplicateMount(String),
    /// A relative path where an absolute one is needed.
    #[error("invalid {field}: path '{path}' must be absolute")]
    RelativePath {
        /// The field.
        field: &'static str,
        /// The path.
        path: String,
    },
    /// Less memory than any process can live with.
    #[error("Minimum memory limit allowed is 6MB")]
    MemoryTooSmall,
    /// Swap without memory, or less than it.
    #[error("{0}")]
    MemorySwap(&'static str),
    /// A limit that the kernel does not take as things are.
    #[error("{0}")]
    Limit(String),
    /// A score out of its range.
    #[error("Invalid value {0}, range for oom score adj is [-1000, 1000]")]
    OomScore(i32),
    /// A swappiness out of its range.
    #[error("Invalid value: {0}, valid memory swappiness range is 0-100")]
    Swappiness(i64),
    /// A host name that the kernel does not take.
    #[error("invalid hostname: \"{0}\" is longer than 64 bytes")]
    Hostname(String),
    /// The same of a domain name.
    #[error("invalid domainname: \"{0}\" is longer than 64 bytes")]
    Domainname(String),
    /// An option of the storage driver.
    #[error("{0}")]
    StorageOpt(String),
    /// A relative working directory.
    #[error("the working directory '{0}' is invalid, it needs to be an absolute path")]
    WorkingDir(String),
    /// Arguments of `top` that are not understood.
    #[error("ps: {0}")]
    PsArguments(String),
    /// A number out of its range.
    #[error("invalid {field}: {value}: want {want}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it said.
        value: String,
        /// What would be right.
        want: &'static str,
    },
    /// Two fields that exclude each other.
    #[error("Conflicting options: {0} and {1}")]
    Conflict(&'static str, &'static str),
    /// A capability the kernel does not have.
    #[error("invalid {field}: unknown capability: \"{name}\"")]
    Capability {
        /// `CapAdd` or `CapDrop`.
        field: &'static str,
        /// The capability.
        name: String,
    },
    /// A security option.
    #[error("invalid --security-opt 2: {0:?}")]
    SecurityOpt(String),
    /// The same without a value.
    #[error("invalid --security-opt 1: {0:?}")]
    SecurityOptValue(String),
    /// A seccomp profile that cannot be read.
    #[error("Decoding seccomp profile failed: {0}")]
    Seccomp(String),
    /// A resource that the kernel does not limit.
    #[error("invalid ulimit type: {0}")]
    UlimitType(String),
    /// A resource limit.
    #[error("invalid ulimit \"{0}\"")]
    Ulimit(String),
    /// A kernel setting outside the container's namespaces.
    #[error("sysctl '{0}' is not allowed: it is not of a namespace of the container's own")]
    Sysctl(String),
    /// A line of `/etc/hosts`.
    #[error("bad format for add-host: \"{0}\"")]
    ExtraHost(String),
    /// A link that is no name and alias.
    #[error("bad format for links: {0}")]
    Link(String),
    /// The container a link leads to does not exist.
    #[error("could not get container for {0}: No such container: {0}")]
    LinkTarget(String),
    /// The container a link leads to does not run.
    #[error("Cannot link to a non running container: {target} AS {alias}")]
    LinkNotRunning {
        /// Its name, with a slash.
        target: String,
        /// `/owner/alias`
        alias: String,
    },
    /// The container a link leads to has no address on the bridge.
    #[error("Cannot link to {0}, as it does not belong to the default network")]
    LinkNetwork(String),
    /// The container whose ipc namespace is to be shared does not share it.
    #[error(
        "cannot join IPC of container {0}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
    )]
    NotShareable(String),
    /// A parent of the cgroup.
    #[error("invalid cgroup parent \"{0}\": want a path without '..'")]
    CgroupParent(String),
    /// A parent of a scope.
    #[error("cgroup-parent for systemd cgroup should be a valid slice named as \"xxx.slice\"")]
    Slice,
    /// A name server.
    #[error("bad parameter: \"{0}\" is not an ip address")]
    Dns(String),
    /// A device of the host.
    #[error("error gathering device information while adding custom device \"{path}\": {reason}")]
    Device {
        /// The path on the host.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A block device whose throughput is to be limited.
    #[error("stat {path}: {reason}")]
    BlockDevice {
        /// The path on the host.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Devices that no driver has.
    #[error("could not select device driver {driver:?} with capabilities: {capabilities}")]
    DeviceDriver {
        /// The driver asked for; may be empty.
        driver: String,
        /// The sets of capabilities, as Go prints them.
        capabilities: String,
    },
    /// A device of the container device interface.
    #[error("CDI device injection failed: {0}")]
    Cdi(String),
    /// A rule of the device cgroup.
    #[error("invalid device cgroup rule format: '{0}'")]
    DeviceRule(String),
    /// A log driver or an option of it.
    #[error(transparent)]
    Log(#[from] super::LogInvalid),
    /// An OCI runtime that is not configured.
    #[error("unknown or invalid runtime name: {0}")]
    Runtime(String),
    /// An environment entry without a name, or with a zero byte.
    #[error("invalid environment variable: {0}")]
    Env(String),
    /// What a network does not give.
    #[error("invalid config for network {network}: invalid endpoint settings:\n{reason}")]
    Endpoint {
        /// The network.
        network: String,
        /// Why not.
        reason: String,
    },
    /// A network without a name.
    #[error("invalid name: name is empty")]
    NetworkName,
    /// Networks that cannot be had at the same time, or not by this container.
    #[error("{0}")]
    Networks(&'static str),
    /// Address or ports where the network gives none.
    #[error("conflicting options: {0}")]
    NetworkMode(&'static str),
    /// A field that exists in Docker and not here yet.
    #[error("{0} is not implemented yet")]
    NotImplemented(&'static str),
}
