//! `shoal swarm join`.

use engine_api::system::SystemInfo;
use serde_json::json;

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::{choice, listen};

/// Join a swarm as a node and/or manager
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm join [OPTIONS] HOST:PORT")]
pub(crate) struct Args {
    /// Advertised address (format: "<ip|interface>[:port]")
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    advertise_addr: String,
    /// Availability of the node ("active", "pause", "drain")
    #[arg(long, value_name = "string", default_value = "active")]
    availability: String,
    /// Address or interface to use for data path traffic (format: "<ip|interface>")
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    data_path_addr: String,
    /// Listen address (format: "<ip|interface>[:port]")
    #[arg(long, value_name = "node-addr", default_value = "0.0.0.0:2377", value_parser = listen::parse)]
    listen_addr: String,
    /// Token for entry into the swarm
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    token: String,
    #[arg(value_name = "HOST:PORT", hide = true)]
    remote: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut body = json!({
        "ListenAddr": args.listen_addr,
        "AdvertiseAddr": args.advertise_addr,
        "RemoteAddrs": [args.remote],
        "JoinToken": args.token,
        "Availability": choice::availability(&args.availability)?,
    });
    if !args.data_path_addr.is_empty() {
        body["DataPathAddr"] = json!(args.data_path_addr);
    }
    client.done(Request::post("/swarm/join").json(&body)).await?;
    let info: SystemInfo = client.json(Request::get("/info")).await?;
    let role = if info.swarm.control_available { "manager" } else { "worker" };
    console::line(&format!("This node joined a swarm as a {role}."))
}
