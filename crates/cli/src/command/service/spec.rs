//! The flags that `service create` and `service update` share, and how they change a specification.
//!
//! In: flags and a specification as JSON. Out: the specification changed. Pure. It is JSON, not a model, so that what a
//! newer daemon put into a specification survives an update by this client, and what a flag sets and the daemon does not
//! honour is refused there by name.

use clap::Args;
use serde_json::{Value, json};

use crate::command::container::health::Health;
use crate::error::Error;
use crate::flag::{FlagError, choice, cpus, duration, pair, size, switch, words};

/// Flags of both verbs; each changes the specification only if it is given.
#[derive(Debug, Args)]
pub(super) struct Shared {
    /// Exit immediately instead of waiting for the service to converge
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Endpoint mode (vip or dnsrr)
    #[arg(long, value_name = "string", value_parser = endpoint_mode)]
    endpoint_mode: Option<String>,
    /// Overwrite the default ENTRYPOINT of the image
    #[arg(long, value_name = "command", value_parser = words::parse)]
    entrypoint: Option<words::Words>,
    #[command(flatten)]
    extras: super::extras::SharedExtras,
    #[command(flatten)]
    health: Health,
    /// Container hostname
    #[arg(long, value_name = "string")]
    hostname: Option<String>,
    /// Use an init inside each service container to forward signals and reap processes
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch::parse)]
    init: Option<bool>,
    /// Limit CPUs
    #[arg(long, value_name = "decimal", value_parser = cpus::parse)]
    limit_cpu: Option<i64>,
    /// Limit Memory
    #[arg(long, value_name = "bytes", value_parser = size::parse)]
    limit_memory: Option<i64>,
    /// Limit maximum number of processes (0 = unlimited)
    #[arg(long, value_name = "int")]
    limit_pids: Option<i64>,
    /// Logging driver for service
    #[arg(long, value_name = "string")]
    log_driver: Option<String>,
    /// Logging driver options
    #[arg(long, value_name = "list", value_parser = pair::strict)]
    log_opt: Vec<(String, String)>,
    /// Swap besides the memory (-1 for unlimited)
    #[arg(long, value_name = "bytes", value_parser = size::parse_or_unlimited, allow_hyphen_values = true)]
    memory_swap: Option<i64>,
    /// Tune memory swappiness (0-100), -1 to reset to default
    #[arg(long, value_name = "int", allow_hyphen_values = true)]
    memory_swappiness: Option<i64>,
    /// Do not query the registry to resolve image digest and supported platforms
    #[arg(long)]
    pub(super) no_resolve_image: bool,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "int", allow_hyphen_values = true)]
    oom_score_adj: Option<i64>,
    /// Suppress progress output
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Mount the container's root filesystem as read only
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch::parse)]
    read_only: Option<bool>,
    /// Reserve CPUs
    #[arg(long, value_name = "decimal", value_parser = cpus::parse)]
    reserve_cpu: Option<i64>,
    /// Reserve Memory
    #[arg(long, value_name = "bytes", value_parser = size::parse)]
    reserve_memory: Option<i64>,
    /// Restart when condition is met ("none", "on-failure", "any")
    #[arg(long, value_name = "string", value_parser = condition)]
    restart_condition: Option<String>,
    /// Delay between restart attempts (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    restart_delay: Option<i64>,
    /// Maximum number of restarts before giving up
    #[arg(long, value_name = "uint")]
    restart_max_attempts: Option<u64>,
    /// Window used to evaluate the restart policy (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    restart_window: Option<i64>,
    #[command(flatten)]
    rollback: super::change::Rollback,
    /// Time to wait before force killing a container (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    stop_grace_period: Option<i64>,
    /// Signal to stop the container
    #[arg(long, value_name = "string")]
    stop_signal: Option<String>,
    /// Allocate a pseudo-TTY
    #[arg(short, long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch::parse)]
    tty: Option<bool>,
    #[command(flatten)]
    update: super::change::Update,
    #[command(flatten)]
    drain: super::change::Drain,
    /// Username or UID (format: <name|uid>[:<group|gid>])
    #[arg(short, long, value_name = "string")]
    user: Option<String>,
    #[command(flatten)]
    windows: super::privilege::Windows,
    /// Send registry authentication details to swarm agents
    #[arg(long)]
    pub(super) with_registry_auth: bool,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string")]
    workdir: Option<String>,
}

fn endpoint_mode(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["vip", "dnsrr"], "vip or dnsrr")
}

fn condition(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["none", "on-failure", "any"], "none, on-failure or any")
}

/// Sets the value at `path`, if there is one; objects on the way are made.
pub(super) fn set<T: serde::Serialize>(spec: &mut Value, path: &[&str], value: Option<T>) {
    if let Some(value) = value {
        *at(spec, path) = json!(value);
    }
}

/// The value at `path`, made (null) where it is missing.
pub(super) fn at<'a>(spec: &'a mut Value, path: &[&str]) -> &'a mut Value {
    path.iter().fold(spec, |value, name| {
        if !value.is_object() {
            *value = json!({});
        }
        &mut value[*name]
    })
}

impl Shared {
    /// Changes `spec` as the flags say.
    pub(super) fn apply(&self, spec: &mut Value) -> Result<(), Error> {
        let container = |name: &'static str| ["TaskTemplate", "ContainerSpec", name];
        set(spec, &container("Command"), self.entrypoint.as_ref().map(|words| &words.0));
        set(spec, &container("Hostname"), self.hostname.as_ref());
        set(spec, &container("Init"), self.init);
        set(spec, &container("OomScoreAdj"), self.oom_score_adj);
        set(spec, &container("ReadOnly"), self.read_only);
        set(spec, &container("StopGracePeriod"), self.stop_grace_period);
        set(spec, &container("StopSignal"), self.stop_signal.as_ref());
        set(spec, &container("TTY"), self.tty);
        set(spec, &container("User"), self.user.as_ref());
        set(spec, &container("Dir"), self.workdir.as_ref());
        set(spec, &container("Healthcheck"), self.health.json()?);
        let limit = |name: &'static str| ["TaskTemplate", "Resources", "Limits", name];
        set(spec, &limit("NanoCPUs"), self.limit_cpu);
        set(spec, &limit("MemoryBytes"), self.limit_memory);
        set(spec, &limit("Pids"), self.limit_pids);
        let reserve = |name: &'static str| ["TaskTemplate", "Resources", "Reservations", name];
        set(spec, &reserve("NanoCPUs"), self.reserve_cpu);
        set(spec, &reserve("MemoryBytes"), self.reserve_memory);
        set(spec, &["TaskTemplate", "Resources", "SwapBytes"], self.memory_swap);
        set(spec, &["TaskTemplate", "Resources", "MemorySwappiness"], self.memory_swappiness);
        let restart = |name: &'static str| ["TaskTemplate", "RestartPolicy", name];
        set(spec, &restart("Condition"), self.restart_condition.as_ref());
        set(spec, &restart("Delay"), self.restart_delay);
        set(spec, &restart("MaxAttempts"), self.restart_max_attempts);
        set(spec, &restart("Window"), self.restart_window);
        set(spec, &["TaskTemplate", "LogDriver", "Name"], self.log_driver.as_ref());
        for (key, value) in &self.log_opt {
            set(spec, &["TaskTemplate", "LogDriver", "Options", key], Some(value));
        }
        set(spec, &["EndpointSpec", "Mode"], self.endpoint_mode.as_ref());
        self.extras.apply(spec);
        self.windows.apply(spec);
        self.drain.apply(spec);
        self.update.apply(spec);
        self.rollback.apply(spec);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn applied(args: &[&str], mut spec: Value) -> Result<Value, String> {
        let command = crate::usage::docker_style(Shared::augment_args(clap::Command::new("x")));
        let matches =
            command.try_get_matches_from([&["x"], args].concat()).map_err(|error| error.to_string())?;
        let flags = Shared::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        flags.apply(&mut spec).map_err(|error| error.to_string())?;
        Ok(spec)
    }

    #[test]
    fn only_what_is_given_changes() {
        let before = json!({"Name": "web", "New": {"Field": 1}, "Mode": {"Replicated": {"Replicas": 1}}});
        assert_eq!(applied(&[], before.clone()), Ok(before.clone()));
        let got =
            applied(&["--limit-memory", "64m", "--restart-delay", "1s", "--update-parallelism", "2"], before)
                .unwrap();
        assert_eq!(got["TaskTemplate"]["Resources"]["Limits"]["MemoryBytes"], 64 << 20);
        assert_eq!(got["TaskTemplate"]["RestartPolicy"]["Delay"], 1_000_000_000);
        let want = json!({"Parallelism": 2, "Delay": 0, "FailureAction": "pause", "Monitor": 5_000_000_000_i64,
                          "MaxFailureRatio": 0.0, "Order": "stop-first"});
        assert_eq!(got["UpdateConfig"], want);
        assert_eq!(got["New"]["Field"], 1);
        assert!(got.get("RollbackConfig").is_none());
    }
}
