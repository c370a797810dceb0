//! `shoal network create`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ipam;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::pair;

/// Create a network
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network create [OPTIONS] NETWORK")]
pub(crate) struct Args {
    /// Enable manual container attachment
    #[arg(long)]
    attachable: bool,
    /// Auxiliary IPv4 or IPv6 addresses used by Network driver
    #[arg(long, value_name = "map", value_parser = pair::strict)]
    aux_address: Vec<(String, String)>,
    /// The network from which to copy the configuration
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    config_from: String,
    /// Create a configuration only network
    #[arg(long)]
    config_only: bool,
    /// Driver to manage the Network
    #[arg(short, long, value_name = "string", default_value = "bridge")]
    driver: String,
    /// IPv4 or IPv6 Gateway for the master subnet
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    gateway: Vec<String>,
    /// Create swarm routing-mesh network
    #[arg(long)]
    ingress: bool,
    /// Restrict external access to the network
    #[arg(long)]
    internal: bool,
    /// Allocate container ip from a sub-range
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    ip_range: Vec<String>,
    /// IP Address Management Driver
    #[arg(long, value_name = "string", default_value = "default")]
    ipam_driver: String,
    /// Set IPAM driver specific options
    #[arg(long, value_name = "map", value_parser = pair::strict)]
    ipam_opt: Vec<(String, String)>,
    /// Enable or disable IPv4 address assignment
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = crate::flag::switch::parse)]
    ipv4: Option<bool>,
    /// Enable or disable IPv6 address assignment
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = crate::flag::switch::parse)]
    ipv6: Option<bool>,
    /// Set metadata on a network
    #[arg(long, value_name = "list", value_parser = pair::label)]
    label: Vec<(String, String)>,
    /// Set driver specific options
    #[arg(short, long, value_name = "map", value_parser = pair::strict)]
    opt: Vec<(String, String)>,
    /// Control the network's scope
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    scope: String,
    /// Subnet in CIDR format that represents a network segment
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    subnet: Vec<String>,
    #[arg(value_name = "NETWORK", required = true, hide = true)]
    network: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let body = body(&args)?;
    let created: Value = client.json(Request::post("/networks/create").json(&body)).await?;
    if let Some(warning) = created["Warning"].as_str().filter(|warning| !warning.is_empty()) {
        console::note(&format!("WARNING: {warning}"));
    }
    console::line(created["Id"].as_str().unwrap_or_default())
}

fn body(args: &Args) -> Result<Value, Error> {
    let map = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    let config = ipam::join(&args.subnet, &args.ip_range, &args.gateway, &args.aux_address)?;
    let mut body = json!({
        "Name": args.network,
        "Driver": args.driver,
        "Scope": args.scope,
        "Internal": args.internal,
        "Attachable": args.attachable,
        "Ingress": args.ingress,
        "ConfigOnly": args.config_only,
        "IPAM": {"Driver": args.ipam_driver, "Options": map(&args.ipam_opt), "Config": config},
        "Options": map(&args.opt),
        "Labels": map(&args.label),
    });
    if !args.config_from.is_empty() {
        body["ConfigFrom"] = json!({"Network": args.config_from});
    }
    for (name, value) in [("EnableIPv4", args.ipv4), ("EnableIPv6", args.ipv6)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    Ok(body)
}
