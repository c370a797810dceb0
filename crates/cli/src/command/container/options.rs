//! The flags of `run` and `create` that describe the container itself.

use clap::Args;

use super::health::Health;
use super::host::Resources;
use super::probe::Probe;
use crate::flag::{FlagError, choice, device, env, gpus, host, mount, pair, port, restart, size, volume};

type Pair = (String, String);

/// What the container is to be.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Add a custom host-to-IP mapping (host:ip)
    #[arg(long, value_name = "list", value_parser = host::parse)]
    pub(super) add_host: Vec<String>,
    /// Add an annotation to the container (passed through to the OCI runtime)
    #[arg(long, value_name = "map", value_parser = pair::strict)]
    pub(super) annotation: Vec<Pair>,
    /// Attach to STDIN, STDOUT or STDERR
    #[arg(short, long, value_name = "list", value_parser = stream)]
    pub(super) attach: Vec<String>,
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    pub(super) cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    pub(super) cap_drop: Vec<String>,
    /// Optional parent cgroup for the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) cgroup_parent: String,
    /// Cgroup namespace to use (host|private)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true, value_parser = cgroupns)]
    pub(super) cgroupns: String,
    /// Write the container ID to the file
    #[arg(long, value_name = "string")]
    pub(super) cidfile: Option<String>,
    /// Add a host device to the container
    #[arg(long, value_name = "list", value_parser = device::parse)]
    pub(super) device: Vec<device::Device>,
    /// Add a rule to the cgroup allowed devices list
    #[arg(long, value_name = "list")]
    pub(super) device_cgroup_rule: Vec<String>,
    /// Skip image verification (accepted, without effect)
    #[arg(long)]
    disable_content_trust: bool,
    /// Set custom DNS servers
    #[arg(long, value_name = "list")]
    pub(super) dns: Vec<String>,
    /// Set DNS options
    #[arg(long, alias = "dns-opt", value_name = "list")]
    pub(super) dns_option: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "list")]
    pub(super) dns_search: Vec<String>,
    /// Container NIS domain name
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) domainname: String,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "string")]
    pub(super) entrypoint: Option<String>,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::parse)]
    pub(super) env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    pub(super) env_file: Vec<String>,
    /// Expose a port or a range of ports
    #[arg(long, value_name = "list", value_parser = exposed)]
    pub(super) expose: Vec<String>,
    /// GPU devices to add to the container ('all' to pass all GPUs)
    #[arg(long, value_name = "gpu-request", value_parser = gpus::parse)]
    pub(super) gpus: Vec<gpus::Gpus>,
    /// Add additional groups to join
    #[arg(long, value_name = "list")]
    pub(super) group_add: Vec<String>,
    #[command(flatten)]
    pub(super) health: Health,
    #[command(flatten)]
    pub(super) probe: Probe,
    /// Container host name
    #[arg(short = 'h', long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) hostname: String,
    /// Run an init inside the container that forwards signals and reaps processes
    #[arg(long)]
    pub(super) init: bool,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    pub(super) interactive: bool,
    /// IPv4 address (e.g., 172.30.100.104)
    #[arg(long, value_name = "string")]
    pub(super) ip: Option<std::net::Ipv4Addr>,
    /// IPv6 address (e.g., 2001:db8::33)
    #[arg(long, value_name = "string")]
    pub(super) ip6: Option<std::net::Ipv6Addr>,
    /// IPC mode to use
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) ipc: String,
    /// Container isolation technology
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) isolation: String,
    /// Set meta data on a container
    #[arg(short, long, value_name = "list", value_parser = pair::label)]
    pub(super) label: Vec<Pair>,
    /// Read in a line delimited file of labels
    #[arg(long, value_name = "list")]
    pub(super) label_file: Vec<String>,
    /// Add link to another container
    #[arg(long, value_name = "list")]
    pub(super) link: Vec<String>,
    /// Container IPv4/IPv6 link-local addresses
    #[arg(long, value_name = "list")]
    pub(super) link_local_ip: Vec<std::net::IpAddr>,
    /// Logging driver for the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) log_driver: String,
    /// Log driver options
    #[arg(long, value_name = "list", value_parser = pair::strict)]
    pub(super) log_opt: Vec<Pair>,
    /// Container MAC address (e.g., 92:d0:c6:0a:29:33)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) mac_address: String,
    /// Attach a filesystem mount to the container
    #[arg(long, value_name = "mount", value_parser = mount::parse)]
    pub(super) mount: Vec<mount::Mount>,
    /// Assign a name to the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Connect a container to a network
    #[arg(long, alias = "net", value_name = "network")]
    pub(super) network: Vec<String>,
    /// Add network-scoped alias for the container
    #[arg(long, alias = "net-alias", value_name = "list")]
    pub(super) network_alias: Vec<String>,
    /// PID namespace to use
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) pid: String,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) platform: String,
    /// Give extended privileges to this container
    #[arg(long)]
    pub(super) privileged: bool,
    /// Publish a container's port(s) to the host
    #[arg(short, long, value_name = "list", value_parser = port::parse)]
    pub(super) publish: Vec<port::Published>,
    /// Publish all exposed ports to random ports
    #[arg(short = 'P', long)]
    pub(super) publish_all: bool,
    /// Pull image before creating ("always", "missing", "never")
    #[arg(long, value_name = "string", default_value = "missing", value_parser = pull)]
    pub(crate) pull: String,
    /// Suppress the pull output
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Mount the container's root filesystem as read only
    #[arg(long)]
    pub(super) read_only: bool,
    #[command(flatten)]
    pub(super) resources: Resources,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "string", default_value = "no", value_parser = restart::parse)]
    pub(super) restart: restart::Restart,
    /// Automatically remove the container and its associated anonymous volumes when it exits
    #[arg(long)]
    pub(crate) rm: bool,
    /// Runtime to use for this container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) runtime: String,
    /// Security options
    #[arg(long, value_name = "list")]
    pub(super) security_opt: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "bytes", default_value = "0", hide_default_value = true, value_parser = size::parse)]
    pub(super) shm_size: i64,
    /// Signal to stop the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) stop_signal: String,
    /// Timeout (in seconds) to stop a container
    #[arg(long, value_name = "int")]
    pub(super) stop_timeout: Option<i64>,
    /// Storage driver options for the container
    #[arg(long, value_name = "list", value_parser = pair::strict)]
    pub(super) storage_opt: Vec<Pair>,
    /// Sysctl options
    #[arg(long, value_name = "map", value_parser = pair::strict)]
    pub(super) sysctl: Vec<Pair>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "list")]
    pub(super) tmpfs: Vec<String>,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    pub(super) tty: bool,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) user: String,
    /// User namespace to use
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) userns: String,
    /// UTS namespace to use
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) uts: String,
    /// Bind mount a volume
    #[arg(short, long, value_name = "list", value_parser = volume::parse)]
    pub(super) volume: Vec<volume::Volume>,
    /// Optional volume driver for the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) volume_driver: String,
    /// Mount volumes from the specified container(s)
    #[arg(long, value_name = "list")]
    pub(super) volumes_from: Vec<String>,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(super) workdir: String,
    /// The image, then the command and its arguments
    #[arg(
        value_name = "IMAGE [COMMAND] [ARG...]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    pub(crate) words: Vec<String>,
}

impl Options {
    /// The image's name.
    pub(crate) fn image(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

fn stream(input: &str) -> Result<String, FlagError> {
    match input.to_ascii_lowercase() {
        name if matches!(name.as_str(), "stdin" | "stdout" | "stderr") => Ok(name),
        _ => Err(FlagError::StandardStream { input: input.to_owned() }),
    }
}

fn cgroupns(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["", "host", "private"], "host or private")
}

fn pull(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["always", "missing", "never"], "always, missing or never")
}

fn exposed(input: &str) -> Result<String, FlagError> {
    port::exposed(input).map(|_| input.to_owned())
}
