//! `shoal info`.

use engine_api::swarm::LocalNodeState;
use engine_api::system::SystemInfo;
use serde_json::Value;

use crate::client::{Client, Request};
use crate::command::listing::template;
use crate::console;
use crate::error::Error;
use crate::format::unit;

/// Display system-wide information
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal info [OPTIONS]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let template = template(args.format.as_deref())?;
    let value: Value = client.json(Request::get("/info")).await?;
    if let Some(template) = template {
        return console::line(&template.apply(&value)?);
    }
    let bad =
        |error: serde_json::Error| Error::Answer { what: "GET /info".to_owned(), reason: error.to_string() };
    let info: SystemInfo = serde_json::from_value(crate::client::without_nulls(value)).map_err(bad)?;
    console::out(&text(&info))?;
    console::warnings(&info.warnings);
    Ok(())
}

fn text(info: &SystemInfo) -> String {
    let mut lines = vec![
        "Client:".to_owned(),
        format!(" Version:    {}", env!("CARGO_PKG_VERSION")),
        String::new(),
        "Server:".to_owned(),
        format!(" Containers: {}", info.containers),
        format!("  Running: {}", info.containers_running),
        format!("  Paused: {}", info.containers_paused),
        format!("  Stopped: {}", info.containers_stopped),
        format!(" Images: {}", info.images),
        format!(" Server Version: {}", info.server_version),
        format!(" Storage Driver: {}", info.driver),
    ];
    lines.extend(info.driver_status.iter().map(|[name, value]| format!("  {name}: {value}")));
    lines.push(format!(" Logging Driver: {}", info.logging_driver));
    lines.push(format!(" Cgroup Driver: {}", info.cgroup_driver));
    lines.push(format!(" Cgroup Version: {}", info.cgroup_version));
    lines.push(" Plugins:".to_owned());
    lines.push(format!("  Volume: {}", info.plugins.volume.join(" ")));
    lines.push(format!("  Network: {}", info.plugins.network.join(" ")));
    lines.push(format!("  Log: {}", info.plugins.log.join(" ")));
    lines.extend(swarm(info));
    lines.push(format!(" Runtimes: {}", info.runtimes.keys().cloned().collect::<Vec<_>>().join(" ")));
    lines.push(format!(" Default Runtime: {}", info.default_runtime));
    lines.push(" Security Options:".to_owned());
    lines.extend(info.security_options.iter().map(|option| format!("  {}", security(option))));
    lines.push(format!(" Kernel Version: {}", info.kernel_version));
    lines.push(format!(" Operating System: {}", info.operating_system));
    lines.push(format!(" OSType: {}", info.os_type));
    lines.push(format!(" Architecture: {}", info.architecture));
    lines.push(format!(" CPUs: {}", info.ncpu));
    lines.push(format!(" Total Memory: {}", unit::memory(u64::try_from(info.mem_total).unwrap_or(0))));
    lines.push(format!(" Name: {}", info.name));
    lines.push(format!(" ID: {}", info.id));
    lines.push(format!(" Docker Root Dir: {}", info.docker_root_dir));
    lines.push(format!(" Debug Mode: {}", info.debug));
    if !info.labels.is_empty() {
        lines.push(" Labels:".to_owned());
        lines.extend(info.labels.iter().map(|label| format!("  {label}")));
    }
    lines.push(format!(" Experimental: {}", info.experimental_build));
    if !info.registry_config.insecure_registry_cidrs.is_empty() {
        lines.push(" Insecure Registries:".to_owned());
        lines.extend(info.registry_config.insecure_registry_cidrs.iter().map(|cidr| format!("  {cidr}")));
    }
    if !info.registry_config.mirrors.is_empty() {
        lines.push(" Registry Mirrors:".to_owned());
        lines.extend(info.registry_config.mirrors.iter().map(|mirror| format!("  {mirror}")));
    }
    lines.push(format!(" Live Restore Enabled: {}", info.live_restore_enabled));
    lines.extend(
        info.firewall_backend.as_ref().map(|firewall| format!(" Firewall Backend: {}", firewall.driver)),
    );
    lines.join("\n") + "\n"
}

fn swarm(info: &SystemInfo) -> Vec<String> {
    let swarm = &info.swarm;
    let state = match swarm.local_node_state {
        LocalNodeState::Inactive => return vec![" Swarm: inactive".to_owned()],
        LocalNodeState::Locked => return vec![" Swarm: locked".to_owned()],
        LocalNodeState::Pending => "pending",
        LocalNodeState::Active => "active",
        LocalNodeState::Error => "error",
    };
    let mut lines = vec![format!(" Swarm: {state}"), format!("  NodeID: {}", swarm.node_id)];
    if !swarm.error.is_empty() {
        lines.push(format!("  Error: {}", swarm.error));
    }
    lines.push(format!("  Is Manager: {}", swarm.control_available));
    if let Some(cluster) = swarm.cluster.as_ref().filter(|_| swarm.control_available) {
        lines.push(format!("  ClusterID: {}", cluster.id));
        lines.push(format!("  Managers: {}", swarm.managers.unwrap_or(0)));
        lines.push(format!("  Nodes: {}", swarm.nodes.unwrap_or(0)));
    }
    lines.push(format!("  Node Address: {}", swarm.node_addr));
    let managers = swarm.remote_managers.iter().flatten().map(|peer| format!("   {}", peer.addr));
    let managers: Vec<String> = managers.collect();
    if !managers.is_empty() {
        lines.push("  Manager Addresses:".to_owned());
        lines.extend(managers);
    }
    lines
}

/// `name=seccomp,profile=builtin` → its name first, then what it is set to.
fn security(option: &str) -> String {
    let parts: Vec<&str> = option.split(',').map(|part| part.strip_prefix("name=").unwrap_or(part)).collect();
    let rest = parts[1..].iter().map(|part| format!("\n   {}", part.replacen('=', ": ", 1)));
    format!("{}{}", parts[0], rest.collect::<String>())
}
