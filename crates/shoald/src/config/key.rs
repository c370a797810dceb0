//! The one table of settings: dockerd's flags and its `daemon.json` keys, and what becomes of each here.
//!
//! Flags and the file are both read from this table, so a setting cannot exist in one and be unknown to
//! the other. Source of the names: `dockerd --help` and the daemon configuration reference of Docker 28.

/// The shape of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `--x`, `--x=false`.
    Bool,
    /// One string.
    Text,
    /// One whole number.
    Number,
    /// A string that may be given several times.
    List,
    /// `key=value`, several times; an object of strings in the file.
    Pairs,
    /// `key=true`, several times; an object of booleans in the file.
    BoolPairs,
    /// `base=10.0.0.0/8,size=24`, several times; a list of objects in the file.
    Pools,
    /// `driver=option=value`, several times; an object of objects of strings in the file.
    Options,
    /// `nofile=1024:2048`, several times; an object of objects in the file.
    Ulimits,
    /// `name=path`, several times; an object of objects in the file.
    Runtimes,
    /// Only in the file: any JSON.
    Object,
}

/// What a setting does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Read by the daemon.
    Honoured,
    /// Known, not acted on yet: told in a warning when set.
    NotYet,
    /// Accepted and rightly without meaning here, such as the address of a containerd.
    Ignored,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Long flag without dashes; empty when there is only the file key.
    pub(super) flag: &'static str,
    /// Key in `daemon.json`; empty when there is only the flag.
    pub(super) file: &'static str,
    /// Short flag.
    pub(super) short: Option<char>,
    pub(super) kind: Kind,
    pub(super) effect: Effect,
    pub(super) help: &'static str,
}

use Effect::{Honoured, Ignored, NotYet};
use Kind::{Bool, BoolPairs, List, Number, Object, Options, Pairs, Pools, Runtimes, Text, Ulimits};

const fn key(flag: &'static str, file: &'static str, kind: Kind, effect: Effect, help: &'static str) -> Key {
    Key { flag, file, short: None, kind, effect, help }
}

const fn short(mut key: Key, short: char) -> Key {
    key.short = Some(short);
    key
}

/// Every setting, in the order of `dockerd --help`.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("add-runtime", "runtimes", Runtimes, Honoured, "Register an additional OCI runtime"),
    key("allow-direct-routing", "allow-direct-routing", Bool, Honoured, "Allow remote access to published ports on container addresses"),
    key("authorization-plugin", "authorization-plugins", List, NotYet, "Authorization plugins to load"),
    key("bip", "bip", Text, Honoured, "IPv4 address and prefix of the default bridge"),
    key("bip6", "bip6", Text, Honoured, "IPv6 address and prefix of the default bridge"),
    short(key("bridge", "bridge", Text, Honoured, "Attach containers to this bridge; \"none\" for no default network"), 'b'),
    key("bridge-accept-fwmark", "bridge-accept-fwmark", Text, NotYet, "Accept packets with this firewall mark on bridges"),
    key("cdi-spec-dir", "cdi-spec-dirs", List, Honoured, "CDI specification directories"),
    key("cgroup-parent", "cgroup-parent", Text, Honoured, "Parent cgroup of all containers"),
    key("containerd", "containerd", Text, Ignored, "Accepted for dockerd's sake"),
    key("containerd-namespace", "containerd-namespace", Text, Ignored, "Accepted for dockerd's sake"),
    key("containerd-plugins-namespace", "containerd-plugins-namespace", Text, Ignored, "Accepted for dockerd's sake"),
    key("", "containerd-plugin-namespace", Text, Ignored, ""),
    key("cpu-rt-period", "cpu-rt-period", Number, NotYet, "CPU real-time period of the parent cgroup"),
    key("cpu-rt-runtime", "cpu-rt-runtime", Number, NotYet, "CPU real-time runtime of the parent cgroup"),
    key("cri-containerd", "cri-containerd", Bool, Ignored, "Accepted for dockerd's sake"),
    key("data-root", "data-root", Text, Honoured, "Root directory of persistent state"),
    short(key("debug", "debug", Bool, Honoured, "Debug logging"), 'D'),
    key("default-address-pool", "default-address-pools", Pools, Honoured, "Address pools for networks"),
    key("default-cgroupns-mode", "default-cgroupns-mode", Text, Honoured, "Cgroup namespace of containers: host or private"),
    key("default-gateway", "default-gateway", Text, Honoured, "IPv4 gateway of the default bridge"),
    key("default-gateway-v6", "default-gateway-v6", Text, Honoured, "IPv6 gateway of the default bridge"),
    key("default-ipc-mode", "default-ipc-mode", Text, Honoured, "IPC namespace of containers: shareable or private"),
    key("default-network-opt", "default-network-opts", Options, Honoured, "Options of new networks"),
    key("default-runtime", "default-runtime", Text, Honoured, "OCI runtime of containers"),
    key("default-shm-size", "default-shm-size", Text, Honoured, "Size of /dev/shm in containers"),
    key("default-ulimit", "default-ulimits", Ulimits, Honoured, "Resource limits of containers"),
    key("dns", "dns", List, Honoured, "DNS servers of containers"),
    key("dns-opt", "dns-opts", List, Honoured, "DNS options of containers"),
    key("dns-search", "dns-search", List, Honoured, "DNS search domains of containers"),
    key("exec-opt", "exec-opts", List, Honoured, "Runtime options"),
    key("exec-root", "exec-root", Text, Honoured, "Root directory of state that lives as long as the machine is up"),
    key("experimental", "experimental", Bool, Honoured, "Tell clients so; docker needs it for checkpoints"),
    key("feature", "features", BoolPairs, NotYet, "Switch a feature on or off"),
    key("firewall-backend", "firewall-backend", Text, Ignored, "Accepted for dockerd's sake; the backend is nftables"),
    key("fixed-cidr", "fixed-cidr", Text, Honoured, "IPv4 range of the containers on the default bridge"),
    key("fixed-cidr-v6", "fixed-cidr-v6", Text, Honoured, "IPv6 range of the containers on the default bridge"),
    short(key("group", "group", Text, Honoured, "Group of the unix socket"), 'G'),
    short(key("host", "hosts", List, Honoured, "Listen here: unix://PATH, tcp://ADDRESS:PORT, fd://"), 'H'),
    key("host-gateway-ip", "host-gateway-ip", Text, NotYet, "What host-gateway in --add-host means"),
    key("", "host-gateway-ips", Object, NotYet, ""),
    key("http-proxy", "http-proxy", Text, NotYet, "HTTP proxy for registries"),
    key("https-proxy", "https-proxy", Text, NotYet, "HTTPS proxy for registries"),
    key("icc", "icc", Bool, Honoured, "Traffic between containers of the default bridge"),
    key("init", "init", Bool, Honoured, "Run an init in containers"),
    key("init-path", "init-path", Text, Honoured, "Path of the init program"),
    key("insecure-registry", "insecure-registries", List, Honoured, "Registries spoken to without TLS"),
    key("ip", "ip", Text, Honoured, "Address that ports are published on by default"),
    key("ip-forward", "ip-forward", Bool, Honoured, "Switch on the kernel's IPv4 forwarding"),
    key("ip-forward-no-drop", "ip-forward-no-drop", Bool, Ignored, "Leave the forward policy alone"),
    key("ip-masq", "ip-masq", Bool, Honoured, "Masquerade containers' outgoing traffic"),
    key("ip6tables", "ip6tables", Bool, Honoured, "Write IPv6 packet filter rules"),
    key("iptables", "iptables", Bool, Honoured, "Write packet filter rules"),
    key("ipv6", "ipv6", Bool, Honoured, "IPv6 on the default bridge"),
    key("label", "labels", List, Honoured, "Labels of the daemon, key=value"),
    key("live-restore", "live-restore", Bool, Ignored, "Accepted; containers always outlive the daemon"),
    key("log-driver", "log-driver", Text, Honoured, "Log driver of containers: json-file, local, journald, syslog or none"),
    key("log-format", "log-format", Text, NotYet, "Format of the daemon's own log: text or json"),
    short(key("log-level", "log-level", Text, Honoured, "Level of the daemon's own log: debug, info, warn, error, fatal"), 'l'),
    key("log-opt", "log-opts", Pairs, Honoured, "Options of the log driver"),
    key("max-concurrent-downloads", "max-concurrent-downloads", Number, Honoured, "Layers fetched at a time, over all pulls (default 3)"),
    key("max-concurrent-uploads", "max-concurrent-uploads", Number, Honoured, "Layers pushed at a time"),
    key("max-download-attempts", "max-download-attempts", Number, Honoured, "Attempts per layer without progress (default 5)"),
    key("metrics-addr", "metrics-addr", Text, NotYet, "Serve metrics here"),
    key("mtu", "mtu", Number, Honoured, "MTU of the default bridge"),
    key("network-control-plane-mtu", "network-control-plane-mtu", Number, Ignored, "MTU of the control plane"),
    key("no-new-privileges", "no-new-privileges", Bool, Honoured, "Set no-new-privileges in containers"),
    key("no-proxy", "no-proxy", Text, NotYet, "Hosts reached without a proxy"),
    key("node-generic-resource", "node-generic-resources", List, Honoured, "Resources this node offers to services"),
    short(key("pidfile", "pidfile", Text, Honoured, "Where the daemon's process id is written"), 'p'),
    key("raw-logs", "raw-logs", Bool, Honoured, "Log without colours"),
    key("registry-mirror", "registry-mirrors", List, Honoured, "Mirror of Docker Hub"),
    key("rootless", "rootless", Bool, NotYet, "Run as a user without privileges"),
    key("seccomp-profile", "seccomp-profile", Text, Honoured, "Path of a seccomp profile, or unconfined"),
    key("selinux-enabled", "selinux-enabled", Bool, NotYet, "SELinux labels"),
    key("shutdown-timeout", "shutdown-timeout", Number, Honoured, "Seconds an orderly end may take"),
    short(key("storage-driver", "storage-driver", Text, Honoured, "Storage driver: overlay2, btrfs or vfs"), 's'),
    key("storage-opt", "storage-opts", List, NotYet, "Options of the storage driver"),
    key("swarm-default-advertise-addr", "swarm-default-advertise-addr", Text, Honoured, "Address or interface advertised to the swarm"),
    key("tls", "tls", Bool, Honoured, "Use TLS on TCP; implied by --tlsverify"),
    key("tlscacert", "tlscacert", Text, Honoured, "Trust clients whose certificate this CA signed"),
    key("tlscert", "tlscert", Text, Honoured, "TLS certificate file"),
    key("tlskey", "tlskey", Text, Honoured, "TLS key file"),
    key("tlsverify", "tlsverify", Bool, Honoured, "Use TLS and demand a client certificate"),
    key("userland-proxy", "userland-proxy", Bool, Honoured, "Proxy for loopback traffic to published ports"),
    key("userland-proxy-path", "userland-proxy-path", Text, Ignored, "Path of another proxy program"),
    key("userns-remap", "userns-remap", Text, Honoured, "User namespace of containers"),
    key("", "allow-nondistributable-artifacts", List, Ignored, ""),
    key("", "api-cors-header", Text, NotYet, ""),
    key("", "builder", Object, NotYet, ""),
    key("", "min-api-version", Text, NotYet, ""),
    key("", "oom-score-adjust", Number, NotYet, ""),
    key("", "proxies", Object, NotYet, ""),
    key("", "shoal", Object, Honoured, ""),
];

/// Finds a setting by its `daemon.json` key.
pub(super) fn by_file(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| !key.file.is_empty() && key.file == name)
}
