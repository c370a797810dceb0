//! `shoal service create`.

use engine_api::swarm::ServiceCreateResponse;
use serde_json::{Value, json};

use super::spec::{Shared, set};
use super::{mode, ports};
use crate::client::{Client, Request};
use crate::command::{image, mount};
use crate::console;
use crate::error::Error;
use crate::flag::{env, mount as mount_flag, pair, port};
use crate::progress::watch::{self, Change};
use crate::registry;

type Pair = (String, String);

/// Create a new service
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service create [OPTIONS] IMAGE [COMMAND] [ARG...]")]
pub(crate) struct Args {
    /// Container labels
    #[arg(long, value_name = "list", value_parser = pair::label)]
    container_label: Vec<Pair>,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::parse)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Service labels
    #[arg(short, long, value_name = "list", value_parser = pair::label)]
    label: Vec<Pair>,
    /// Service mode ("replicated", "global", "replicated-job", "global-job")
    #[arg(long, value_name = "string", default_value = "replicated", value_parser = mode::parse)]
    mode: String,
    /// Attach a filesystem mount to the service
    #[arg(long, value_name = "mount", value_parser = mount_flag::parse)]
    mount: Vec<mount_flag::Mount>,
    /// Service name
    #[arg(long, value_name = "string")]
    name: Option<String>,
    /// Publish a port as a node port
    #[arg(short, long, value_name = "port", value_parser = port::parse)]
    publish: Vec<port::Published>,
    #[command(flatten)]
    extras: super::extras::Extras,
    #[command(flatten)]
    files: super::file::Files,
    #[command(flatten)]
    networks: super::network::Networks,
    #[command(flatten)]
    place: super::place::Place,
    #[command(flatten)]
    privileges: super::privilege::Privileges,
    #[command(flatten)]
    resolver: super::resolver::Resolver,
    #[command(flatten)]
    counts: mode::Counts,
    #[command(flatten)]
    shared: Shared,
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

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut spec = spec(&args)?;
    args.files.apply(client, &mut spec).await?;
    let auth = match args.shared.with_registry_auth {
        true => Some(registry::header_for(client.config(), args.image()).await?),
        false => None,
    };
    if !args.shared.no_resolve_image {
        super::image::resolve(client, &mut spec).await;
    }
    let request =
        Request::post("/services/create").header_some(registry::HEADER, auth.as_deref()).json(&spec);
    let created: ServiceCreateResponse = client.json(request).await?;
    console::warnings(created.warnings.iter().flatten());
    console::line(&created.id)?;
    if args.shared.detach {
        Ok(())
    } else {
        watch::until_converged(client, &created.id, Change::Other, args.shared.quiet).await
    }
}

/// The specification that the flags describe.
fn spec(args: &Args) -> Result<Value, Error> {
    let lookup = |name: &str| std::env::var(name).ok();
    let mut spec = json!({"TaskTemplate": {"ContainerSpec": {"Image": image::tagged(args.image())}}});
    args.counts.create(&args.mode, &mut spec)?;
    set(&mut spec, &["Name"], args.name.as_ref());
    set(&mut spec, &["Labels"], pairs(&args.label));
    set(&mut spec, &["EndpointSpec", "Ports"], filled(&ports::to_json(&args.publish)?));
    let mut container =
        |name: &str, value: Option<Value>| set(&mut spec, &["TaskTemplate", "ContainerSpec", name], value);
    let env = env::resolve(&args.env_file, &args.env, &lookup)?;
    let mounts: Vec<Value> = args.mount.iter().map(mount::to_json).collect();
    container("Args", filled(&args.words[1..]));
    container("Env", filled(&env));
    container("Labels", pairs(&args.container_label));
    container("Mounts", filled(&mounts));
    args.extras.apply(&mut spec);
    args.networks.apply(&mut spec);
    args.place.apply(&mut spec);
    args.privileges.apply(&mut spec);
    args.resolver.apply(&mut spec);
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
        let want =
            json!({"Mode": {"Replicated": {}}, "TaskTemplate": {"ContainerSpec": {"Image": "x:latest"}}});
        assert_eq!(made(&["x"]), want);
    }
}
