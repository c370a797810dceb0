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
    /// A network that does not exist.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
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
    /// A volume's name.
    #[error(
        "\"{0}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If \
         you intended to pass a host directory, use absolute path"
    )]
    VolumeName(String),
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
    #[error("invalid capability: \"{0}\"")]
    Capability(String),
    /// A security option.
    #[error("invalid --security-opt: \"{0}\"")]
    SecurityOpt(String),
    /// A seccomp profile that cannot be read.
    #[error("Decoding seccomp profile failed: {0}")]
    Seccomp(String),
    /// A resource limit.
    #[error("invalid ulimit \"{0}\"")]
    Ulimit(String),
    /// A kernel setting outside the container's namespaces.
    #[error("sysctl '{0}' is not allowed: it is not of a namespace of the container's own")]
    Sysctl(String),
    /// A line of `/etc/hosts`.
    #[error("bad format for add-host: \"{0}\"")]
    ExtraHost(String),
    /// A parent of the cgroup.
    #[error("invalid cgroup parent \"{0}\": want a path without '..'")]
    CgroupParent(String),
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
    /// A rule of the device cgroup.
    #[error("invalid device cgroup rule format: '{0}'")]
    DeviceRule(String),
    /// A log driver.
    #[error("logger: no log driver named '{0}' is registered")]
    LogDriver(String),
    /// An option of the log driver.
    #[error("unknown or invalid log opt '{key}={value}' for {driver} log driver")]
    LogOption {
        /// The driver.
        driver: String,
        /// The option.
        key: String,
        /// Its value.
        value: String,
    },
    /// An OCI runtime that is not configured.
    #[error("unknown or invalid runtime name: {0}")]
    Runtime(String),
    /// An environment entry without a name, or with a zero byte.
    #[error("invalid environment variable: {0}")]
    Env(String),
    /// An address asked for on a network.
    #[error("invalid address \"{0}\" in the endpoint's configuration")]
    EndpointAddress(String),
    /// Address or ports where the network gives none.
    #[error("conflicting options: {0}")]
    NetworkMode(&'static str),
    /// A field that exists in Docker and not here yet.
    #[error("{0} is not implemented yet")]
    NotImplemented(&'static str),
}
