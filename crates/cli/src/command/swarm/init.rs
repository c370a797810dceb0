//! `shoal swarm init`.

use serde_json::json;

use super::options::Settings;
use super::{token, unlock};
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::{choice, cidr, listen};

/// Initialize a swarm
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm init [OPTIONS]")]
pub(crate) struct Args {
    /// Advertised address (format: "<ip|interface>[:port]")
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    advertise_addr: String,
    /// Enable manager autolocking (requiring an unlock key to start a stopped manager)
    #[arg(long)]
    autolock: bool,
    /// Availability of the node ("active", "pause", "drain")
    #[arg(long, value_name = "string", default_value = "active")]
    availability: String,
    /// Address or interface to use for data path traffic (format: "<ip|interface>")
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    data_path_addr: String,
    /// Port number to use for data path traffic (1024 - 49151)
    #[arg(long, value_name = "uint32", default_value_t = 0, hide_default_value = true)]
    data_path_port: u32,
    /// default address pool in CIDR format
    #[arg(long, value_name = "ipNetSlice", value_delimiter = ',', value_parser = cidr::checked)]
    default_addr_pool: Vec<String>,
    /// default address pool subnet mask length
    #[arg(long, value_name = "uint32", default_value_t = 24)]
    default_addr_pool_mask_length: u32,
    /// Force create a new cluster from current state
    #[arg(long)]
    force_new_cluster: bool,
    /// Listen address (format: "<ip|interface>[:port]")
    #[arg(long, value_name = "node-addr", default_value = "0.0.0.0:2377", value_parser = listen::parse)]
    listen_addr: String,
    #[command(flatten)]
    settings: Settings,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut body = json!({
        "ListenAddr": args.listen_addr,
        "AdvertiseAddr": args.advertise_addr,
        "Availability": choice::availability(&args.availability)?,
        "Spec": {},
    });
    args.settings.apply(&mut body["Spec"]);
    // Only what is asked for, so that a daemon that does not know a field has nothing to refuse.
    let extras = [
        ("DataPathAddr", !args.data_path_addr.is_empty(), json!(args.data_path_addr)),
        ("DataPathPort", args.data_path_port > 0, json!(args.data_path_port)),
        ("DefaultAddrPool", !args.default_addr_pool.is_empty(), json!(args.default_addr_pool)),
        ("SubnetSize", !args.default_addr_pool.is_empty(), json!(args.default_addr_pool_mask_length)),
        ("ForceNewCluster", args.force_new_cluster, json!(true)),
        ("AutoLockManagers", args.autolock, json!(true)),
    ];
    for (name, _, value) in extras.into_iter().filter(|(_, set, _)| *set) {
        body[name] = value;
    }
    if args.autolock {
        body["Spec"]["EncryptionConfig"]["AutoLockManagers"] = json!(true);
    }
    let node: String = client.json(Request::post("/swarm/init").json(&body)).await?;
    console::line(&format!("Swarm initialized: current node ({node}) is now a manager.\n"))?;
    token::print_join(client, "worker", &node).await?;
    console::line(
        "To add a manager to this swarm, run 'shoal swarm join-token manager' and follow the instructions.",
    )?;
    if args.autolock { unlock::show(client).await } else { Ok(()) }
}
