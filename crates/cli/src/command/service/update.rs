//! `shoal service update`.

use serde_json::{Value, json};

use super::edit::{list, map};
use super::spec::{Shared, at, set};
use super::{current, ports, write};
use crate::client::Client;
use crate::command::{image, mount};
use crate::console;
use crate::error::Error;
use crate::flag::{env, mount as mount_flag, pair, port, words};
use crate::progress::watch::{self, Change};
use crate::registry;

type Pair = (String, String);

/// Update a service
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service update [OPTIONS] SERVICE")]
pub(crate) struct Args {
    /// Service command args
    #[arg(long, value_name = "command", value_parser = words::parse)]
    args: Option<words::Words>,
    /// Add or update a container label
    #[arg(long, value_name = "list", value_parser = pair::label)]
    container_label_add: Vec<Pair>,
    /// Remove a container label by its key
    #[arg(long, value_name = "list")]
    container_label_rm: Vec<String>,
    /// Add or update an environment variable
    #[arg(long, value_name = "list", value_parser = env::parse)]
    env_add: Vec<String>,
    /// Remove an environment variable
    #[arg(long, value_name = "list")]
    env_rm: Vec<String>,
    /// Force update even if no changes require it
    #[arg(long)]
    force: bool,
    /// Service image tag
    #[arg(long, value_name = "string")]
    image: Option<String>,
    /// Add or update a service label
    #[arg(long, value_name = "list", value_parser = pair::label)]
    label_add: Vec<Pair>,
    /// Remove a label by its key
    #[arg(long, value_name = "list")]
    label_rm: Vec<String>,
    /// Add or update a mount on a service
    #[arg(long, value_name = "mount", value_parser = mount_flag::parse)]
    mount_add: Vec<mount_flag::Mount>,
    /// Remove a mount by its target path
    #[arg(long, value_name = "list")]
    mount_rm: Vec<String>,
    /// Add or update a published port
    #[arg(long, value_name = "port", value_parser = port::parse)]
    publish_add: Vec<port::Published>,
    /// Remove a published port by its target port
    #[arg(long, value_name = "port", value_parser = port::parse)]
    publish_rm: Vec<port::Published>,
    /// Rollback to previous specification
    #[arg(long)]
    rollback: bool,
    #[command(flatten)]
    extras: super::extras::ExtrasChanges,
    #[command(flatten)]
    files: super::file::Changes,
    #[command(flatten)]
    networks: super::network::NetworkChanges,
    #[command(flatten)]
    place: super::place::PlaceChanges,
    #[command(flatten)]
    privileges: super::privilege::PrivilegeChanges,
    #[command(flatten)]
    resolver: super::resolver::ResolverChanges,
    #[command(flatten)]
    counts: super::mode::Counts,
    #[command(flatten)]
    shared: Shared,
    #[arg(value_name = "SERVICE", hide = true)]
    service: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut service = current(client, &args.service).await?;
    if !args.rollback {
        change(&args, &mut service.spec)?;
        args.files.apply(client, &mut service.spec).await?;
        args.networks.apply(client, &mut service.spec).await?;
    }
    if args.image.is_some() && !args.rollback && !args.shared.no_resolve_image {
        super::image::resolve(client, &mut service.spec).await;
    }
    let image = service.spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or_default();
    let auth = match args.shared.with_registry_auth {
        true => Some(registry::header_for(client.config(), image).await?),
        false => None,
    };
    write(client, &service, args.rollback, auth.as_deref()).await?;
    console::line(&args.service)?;
    if args.shared.detach {
        Ok(())
    } else {
        let change = if args.rollback { Change::Rollback } else { Change::Other };
        watch::until_converged(client, &service.id, change, args.shared.quiet).await
    }
}

/// Changes the specification as the flags say; what they do not name stays.
fn change(args: &Args, spec: &mut Value) -> Result<(), Error> {
    const CONTAINER: [&str; 2] = ["TaskTemplate", "ContainerSpec"];
    let container = |name: &'static str| [CONTAINER[0], CONTAINER[1], name];
    args.shared.apply(spec)?;
    args.counts.update(spec)?;
    set(spec, &container("Image"), args.image.as_deref().map(image::tagged).as_ref());
    set(spec, &container("Args"), args.args.as_ref().map(|words| &words.0));
    if args.force {
        let count = at(spec, &["TaskTemplate", "ForceUpdate"]);
        *count = json!(count.as_u64().unwrap_or(0) + 1);
    }
    map(spec, &["Labels"], &args.label_add, &args.label_rm);
    map(spec, &container("Labels"), &args.container_label_add, &args.container_label_rm);
    let texts = |items: &[String]| items.iter().map(|item| json!(item)).collect::<Vec<_>>();
    let lookup = |name: &str| std::env::var(name).ok();
    let added = env::resolve(&[], &args.env_add, &lookup)?;
    let name = |item: &Value| json!(item.as_str().unwrap_or_default().split('=').next());
    list(spec, &container("Env"), texts(&added), &texts(&args.env_rm), &name);
    let target = |item: &Value| item["Target"].clone();
    list(
        spec,
        &container("Mounts"),
        args.mount_add.iter().map(mount::to_json).collect(),
        &texts(&args.mount_rm),
        &target,
    );
    args.extras.apply(spec);
    args.place.apply(spec)?;
    args.privileges.apply(spec);
    args.resolver.apply(spec);
    publish(args, spec)
}

/// Removes by target port and protocol, then adds; the same published port is replaced.
fn publish(args: &Args, spec: &mut Value) -> Result<(), Error> {
    let target = |item: &Value| json!([item["TargetPort"], item["Protocol"].as_str().unwrap_or("tcp")]);
    let gone: Vec<Value> = args
        .publish_rm
        .iter()
        .flat_map(|ports| &ports.0)
        .map(|port| json!([port.container, port.protocol]))
        .collect();
    list(spec, &["EndpointSpec", "Ports"], Vec::new(), &gone, &target);
    let place = |item: &Value| match item["PublishedPort"].as_u64() {
        Some(published) => json!([published, item["Protocol"].as_str().unwrap_or("tcp")]),
        None => json!([target(item), item["PublishMode"]]),
    };
    list(spec, &["EndpointSpec", "Ports"], ports::to_json(&args.publish_add)?, &[], &place);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches};

    fn changed(args: &[&str], mut spec: Value) -> Value {
        let command = crate::usage::docker_style(Args::augment_args(clap::Command::new("update")));
        let matches = command.try_get_matches_from([&["update"], args, &["web"]].concat()).unwrap();
        change(&Args::from_arg_matches(&matches).unwrap(), &mut spec).unwrap();
        spec
    }

    #[test]
    fn adds_replaces_and_removes() {
        let before = json!({
            "Labels": {"a": "1", "b": "2"},
            "Unknown": [1],
            "TaskTemplate": {
                "Placement": {"Constraints": ["node.role==worker"]},
                "ContainerSpec": {"Image": "x:1", "Env": ["A=1", "B=2"], "Mounts": [{"Type": "bind", "Source": "/a", "Target": "/b"}]},
            },
            "EndpointSpec": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}]},
        });
        let args = [
            "--image",
            "x:2",
            "--label-add",
            "b=3",
            "--label-rm",
            "a",
            "--env-add",
            "A=9",
            "--env-rm",
            "B",
            "--mount-rm",
            "/b",
            "--constraint-rm",
            "node.role==worker",
            "--publish-rm",
            "80",
            "--publish-add",
            "8081:81",
            "--force",
            "--args",
            "run 'a b'",
        ];
        let want = json!({
            "Labels": {"b": "3"},
            "Unknown": [1],
            "TaskTemplate": {
                "ForceUpdate": 1,
                "Placement": {"Constraints": []},
                "ContainerSpec": {"Image": "x:2", "Args": ["run", "a b"], "Env": ["A=9"], "Mounts": []},
            },
            "EndpointSpec": {"Ports": [{"Protocol": "tcp", "TargetPort": 81, "PublishedPort": 8081, "PublishMode": "ingress"}]},
        });
        assert_eq!(changed(&args, before.clone()), want);
        assert_eq!(changed(&[], before.clone()), before);
    }
}
