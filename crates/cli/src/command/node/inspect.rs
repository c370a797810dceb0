//! `shoal node inspect`.

use engine_api::swarm::{EnginePlugin, Node};

use super::list::manager_status;
use crate::client::{Client, Request};
use crate::command::system::inspect;
use crate::console;
use crate::error::Error;
use crate::format::template::title;
use crate::format::unit;

/// Display detailed information on one or more nodes
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal node inspect [OPTIONS] self|NODE [NODE...]")]
pub(crate) struct Args {
    /// Print the information in a human friendly format
    #[arg(long)]
    pretty: bool,
    /// Format output using a custom template: 'pretty', 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    #[arg(value_name = "NODE", required = true, hide = true)]
    nodes: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    if !args.pretty && args.format.as_deref() != Some("pretty") {
        return inspect::kind(inspect::KindArgs::new(args.nodes, args.format), "node", client).await;
    }
    for name in &args.nodes {
        let node: Node = client.json(Request::get(&super::path(client, name).await?)).await?;
        console::line(&pretty(&node))?;
    }
    Ok(())
}

fn pretty(node: &Node) -> String {
    let description = &node.description;
    let mut lines = vec![format!("ID:\t\t\t{}", node.id)];
    if !node.spec.labels.is_empty() {
        lines.push("Labels:".to_owned());
        lines.extend(node.spec.labels.iter().map(|(key, value)| format!(" - {key}={value}")));
    }
    lines.push(format!("Hostname:              \t{}", description.hostname));
    if let Some(ns) = node.created_at.ns() {
        let joined = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns))
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        lines.push(format!("Joined at:             \t{}", unit::moment(joined)));
    }
    lines.push("Status:".to_owned());
    lines.push(format!(" State:\t\t\t{}", title(&node.status.state)));
    if !node.status.message.is_empty() {
        lines.push(format!(" Message:              \t{}", node.status.message));
    }
    lines.push(format!(" Availability:         \t{}", title(&node.spec.availability)));
    lines.push(format!(" Address:\t\t{}", node.status.addr));
    if let Some(manager) = &node.manager_status {
        lines.push("Manager Status:".to_owned());
        lines.push(format!(" Address:\t\t{}", manager.addr));
        lines.push(format!(" Raft Status:\t\t{}", title(&manager.reachability)));
        let leader = if manager_status(node) == "Leader" { "Yes" } else { "No" };
        lines.push(format!(" Leader:\t\t{leader}"));
    }
    lines.push("Platform:".to_owned());
    lines.push(format!(" Operating System:\t{}", description.platform.os));
    lines.push(format!(" Architecture:\t\t{}", description.platform.architecture));
    lines.push("Resources:".to_owned());
    lines.push(format!(" CPUs:\t\t\t{}", description.resources.nano_cpus / 1_000_000_000));
    lines.push(format!(
        " Memory:\t\t{}",
        unit::memory(u64::try_from(description.resources.memory_bytes).unwrap_or(0))
    ));
    lines.extend(plugins(&description.engine.plugins));
    lines.push(format!("Engine Version:\t\t{}", description.engine.engine_version));
    if !description.engine.labels.is_empty() {
        lines.push("Engine Labels:".to_owned());
        lines.extend(description.engine.labels.iter().map(|(key, value)| format!(" - {key}={value}")));
    }
    let tls = &description.tls_info;
    if !tls.trust_root.is_empty() {
        lines.push("TLS Info:".to_owned());
        lines.push(format!(" TrustRoot:\n{}", tls.trust_root));
        lines.push(format!(" Issuer Subject:\t{}", tls.cert_issuer_subject));
        lines.push(format!(" Issuer Public Key:\t{}", tls.cert_issuer_public_key));
    }
    lines.join("\n") + "\n"
}

/// What is built into the engine, a line for each kind.
fn plugins(all: &[EnginePlugin]) -> Vec<String> {
    let of_kind = |kind: &str| {
        let names: Vec<&str> =
            all.iter().filter(|plugin| plugin.kind == kind).map(|plugin| plugin.name.as_str()).collect();
        (!names.is_empty()).then(|| format!(" {kind}:\t\t{}", names.join(", ")))
    };
    let lines: Vec<String> = ["Log", "Network", "Volume"].into_iter().filter_map(of_kind).collect();
    let heading = (!lines.is_empty()).then(|| "Plugins:".to_owned());
    heading.into_iter().chain(lines).collect()
}
