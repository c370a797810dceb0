//! `shoal service create`.

use engine_api::swarm::ServiceCreateResponse;
use serde_json::{Value, json};

use super::ports;
use super::spec::{Shared, set};
use crate::client::{Client, Request};
use crate::command::mount;
use crate::console;
use crate::error::Error;
use crate::flag::{FlagError, choice, env, host, mount as mount_flag, pair, port, ulimit};
use crate::progress::watch;
use crate::registry;

type Pair = (String, String);

/// Create a new service
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service create [OPTIONS] IMAGE [COMMAND] [ARG...]")]
pub(crate) struct Args {
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    cap_drop: Vec<String>,
    /// Placement constraints
    #[arg(long, value_name = "list")]
    constraint: Vec<String>,
    /// Container labels
    #[arg(long, value_name = "list", value_parser = pair::label)]
    container_label: Vec<Pair>,
    /// Set custom DNS servers
    #[arg(long, value_name = "list")]
    dns: Vec<String>,
    /// Set DNS options
    #[arg(long, value_name = "list")]
    dns_option: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "list")]
    dns_search: Vec<String>,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::parse)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Set one or more supplementary user groups for the container
    #[arg(long, value_name = "list")]
    group: Vec<String>,
    /// Set one or more custom host-to-IP mappings (host:ip)
    #[arg(long, value_name = "list", value_parser = host::parse)]
    host: Vec<String>,
    /// Service labels
    #[arg(short, long, value_name = "list", value_parser = pair::label)]
    label: Vec<Pair>,
    /// Service mode ("replicated", "global", "replicated-job", "global-job")
    #[arg(long, value_name = "string", default_value = "replicated", value_parser = mode)]
    mode: String,
    /// Attach a filesystem mount to the service
    #[arg(long, value_name = "mount", value_parser = mount_flag::parse)]
    mount: Vec<mount_flag::Mount>,
    /// Service name
    #[arg(long, value_name = "string")]
    name: Option<String>,
    /// Network attachments
    #[arg(long, value_name = "network")]
    network: Vec<String>,
    /// Publish a port as a node port
    #[arg(short, long, value_name = "port", value_parser = port::parse)]
    publish: Vec<port::Published>,
    #[command(flatten)]
    files: super::file::Files,
    #[command(flatten)]
    shared: Shared,
    /// Sysctl options
    #[arg(long, value_name = "list", value_parser = pair::strict)]
    sysctl: Vec<Pair>,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = ulimit::parse)]
    ulimit: Vec<ulimit::Ulimit>,
    /// The image, then the command and its arguments
    #[arg(
        value_name = "IMAGE [COMMAND] [ARG...]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    words: Vec<String>,
}

impl Args {
    /// The image's name.
    pub(crate) fn image(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

fn mode(input: &str) -> Result<String, FlagError> {
    choice::parse(
        input,
        &["replicated", "global", "replicated-job", "global-job"],
        "replicated, global, replicated-job or global-job",
    )
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut spec = spec(&args)?;
    args.files.apply(client, &mut spec).await?;
    let auth = match args.shared.with_registry_auth {
        true => Some(registry::header_for(client.config(), args.image()).await?),
        false => None,
    };
    let request =
        Request::post("/services/create").header_some(registry::HEADER, auth.as_deref()).json(&spec);
    let created: ServiceCreateResponse = client.json(request).await?;
    console::warnings(created.warnings.iter().flatten());
    console::line(&created.id)?;
    if args.shared.detach {
        Ok(())
    } else {
        watch::until_converged(client, &created.id, args.shared.quiet).await
    }
}

/// The specification that the flags describe.
fn spec(args: &Args) -> Result<Value, Error> {
    let lookup = |name: &str| std::env::var(name).ok();
    let mut spec = json!({"TaskTemplate": {"ContainerSpec": {"Image": args.image()}}});
    match args.mode.as_str() {
        "replicated" => spec["Mode"] = json!({"Replicated": {}}),
        "global" => spec["Mode"] = json!({"Global": {}}),
        "replicated-job" => spec["Mode"] = json!({"ReplicatedJob": {}}),
        _ => spec["Mode"] = json!({"GlobalJob": {}}),
    }
    set(&mut spec, &["Name"], args.name.as_ref());
    set(&mut spec, &["Labels"], pairs(&args.label));
    set(&mut spec, &["TaskTemplate", "Placement", "Constraints"], filled(&args.constraint));
    let networks: Vec<Value> = args.network.iter().map(|name| json!({"Target": name})).collect();
    set(&mut spec, &["TaskTemplate", "Networks"], filled(&networks));
    set(&mut spec, &["EndpointSpec", "Ports"], filled(&ports::to_json(&args.publish)?));
    let mut container =
        |name: &str, value: Option<Value>| set(&mut spec, &["TaskTemplate", "ContainerSpec", name], value);
    let env = env::resolve(&args.env_file, &args.env, &lookup)?;
    let mounts: Vec<Value> = args.mount.iter().map(mount::to_json).collect();
    let ulimits: Vec<Value> =
        args.ulimit.iter().map(|u| json!({"Name": u.name, "Soft": u.soft, "Hard": u.hard})).collect();
    container("Args", filled(&args.words[1..]));
    container("Env", filled(&env));
    container("Labels", pairs(&args.container_label));
    container("Mounts", filled(&mounts));
    container("Groups", filled(&args.group));
    container("CapabilityAdd", filled(&args.cap_add));
    container("CapabilityDrop", filled(&args.cap_drop));
    container("Sysctls", pairs(&args.sysctl));
    container("Ulimits", filled(&ulimits));
    let hosts: Vec<String> = args.host.iter().map(|entry| hosts_line(entry)).collect();
    container("Hosts", filled(&hosts));
    set(&mut spec, &["TaskTemplate", "ContainerSpec", "DNSConfig", "Nameservers"], filled(&args.dns));
    set(&mut spec, &["TaskTemplate", "ContainerSpec", "DNSConfig", "Search"], filled(&args.dns_search));
    set(&mut spec, &["TaskTemplate", "ContainerSpec", "DNSConfig", "Options"], filled(&args.dns_option));
    args.shared.apply(&mut spec)?;
    Ok(spec)
}

/// A list as JSON, if it has anything.
fn filled<T: serde::Serialize>(items: &[T]) -> Option<Value> {
    (!items.is_empty()).then(|| json!(items))
}

fn pairs(pairs: &[Pair]) -> Option<Value> {
    let map: std::collections::BTreeMap<_, _> = pairs.iter().cloned().collect();
    (!map.is_empty()).then(|| json!(map))
}

/// `name:ip` → `ip name`, the form of services.
pub(super) fn hosts_line(entry: &str) -> String {
    entry.split_once(':').map_or_else(|| entry.to_owned(), |(name, ip)| format!("{ip} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches};

    fn made(args: &[&str]) -> Value {
        let command = crate::usage::docker_style(Args::augment_args(clap::Command::new("create")));
        let matches = command.try_get_matches_from([&["create"], args].concat()).unwrap();
        spec(&Args::from_arg_matches(&matches).unwrap()).unwrap()
    }

    #[test]
    fn the_usual_service() {
        let got = made(&[
            "--name",
            "web",
            "--replicas",
            "3",
            "-e",
            "A=1",
            "-p",
            "8080:80",
            "--label",
            "tier=front",
            "--constraint",
            "node.role==worker",
            "--mount",
            "type=bind,src=/a,dst=/b,ro",
            "nginx:1",
            "nginx",
            "-g",
            "daemon off;",
        ]);
        let want = json!({
            "Name": "web",
            "Labels": {"tier": "front"},
            "Mode": {"Replicated": {"Replicas": 3}},
            "EndpointSpec": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}]},
            "TaskTemplate": {
                "Placement": {"Constraints": ["node.role==worker"]},
                "ContainerSpec": {
                    "Image": "nginx:1",
                    "Args": ["nginx", "-g", "daemon off;"],
                    "Env": ["A=1"],
                    "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": true}],
                },
            },
        });
        assert_eq!(got, want);
    }

    #[test]
    fn the_plainest_service_sets_nothing_else() {
        let want = json!({"Mode": {"Replicated": {}}, "TaskTemplate": {"ContainerSpec": {"Image": "x"}}});
        assert_eq!(made(&["x"]), want);
    }
}
