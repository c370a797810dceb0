//! `shoal network connect`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use crate::client::{Client, Request, encode};
use crate::error::Error;
use crate::flag::pair;

/// Connect a container to a network
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal network connect [OPTIONS] NETWORK CONTAINER")]
pub(crate) struct Args {
    /// Add network-scoped alias for the container
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    alias: Vec<String>,
    /// driver options for the network
    #[arg(long, value_name = "strings", value_parser = pair::strict)]
    driver_opt: Vec<(String, String)>,
    /// Highest gw-priority provides the default gateway. Accepts positive and negative values
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    gw_priority: i64,
    /// IPv4 address (e.g., "172.30.100.104")
    #[arg(long, value_name = "ip")]
    ip: Option<Ipv4Addr>,
    /// IPv6 address (e.g., "2001:db8::33")
    #[arg(long, value_name = "ip")]
    ip6: Option<Ipv6Addr>,
    /// Add link to another container
    #[arg(long, value_name = "list")]
    link: Vec<String>,
    /// Add a link-local address for the container
    #[arg(long, value_name = "strings", value_delimiter = ',')]
    link_local_ip: Vec<IpAddr>,
    #[arg(value_name = "NETWORK", required = true, hide = true)]
    network: String,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    container: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let body = json!({"Container": args.container, "EndpointConfig": endpoint(&args)});
    let path = format!("/networks/{}/connect", encode(&args.network));
    client.done(Request::post(&path).json(&body)).await
}

fn endpoint(args: &Args) -> Value {
    let mut place = Map::new();
    let mut set = |name: &str, given: bool, value: Value| {
        if given {
            place.insert(name.to_owned(), value);
        }
    };
    let mut addresses = Map::new();
    let mut address = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            addresses.insert(name.to_owned(), value);
        }
    };
    address("IPv4Address", args.ip.map(|ip| json!(ip)));
    address("IPv6Address", args.ip6.map(|ip| json!(ip)));
    address("LinkLocalIPs", (!args.link_local_ip.is_empty()).then(|| json!(args.link_local_ip)));
    set("IPAMConfig", !addresses.is_empty(), Value::Object(addresses));
    set("Aliases", !args.alias.is_empty(), json!(args.alias));
    set("Links", !args.link.is_empty(), json!(args.link));
    let options: BTreeMap<_, _> = args.driver_opt.iter().cloned().collect();
    set("DriverOpts", !options.is_empty(), json!(options));
    set("GwPriority", args.gw_priority != 0, json!(args.gw_priority));
    Value::Object(place)
}
