//! `shoal node update`.

use serde_json::json;

use super::change;
use crate::client::Client;
use crate::console;
use crate::error::Error;
use crate::flag::pair;

/// Update a node
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal node update [OPTIONS] NODE")]
pub(crate) struct Args {
    /// Availability of the node ("active", "pause", "drain")
    #[arg(long, value_name = "string")]
    availability: Option<String>,
    /// Add or update a node label ("key=value")
    #[arg(long, value_name = "list", value_parser = pair::label)]
    label_add: Vec<(String, String)>,
    /// Remove a node label if exists
    #[arg(long, value_name = "list")]
    label_rm: Vec<String>,
    /// Role of the node ("worker", "manager")
    #[arg(long, value_name = "string")]
    role: Option<String>,
    #[arg(value_name = "NODE", hide = true)]
    node: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    change(client, &args.node, |spec| {
        if let Some(role) = &args.role {
            spec["Role"] = json!(role);
        }
        if let Some(availability) = &args.availability {
            spec["Availability"] = json!(availability);
        }
        if spec["Labels"].is_null() {
            spec["Labels"] = json!({});
        }
        for key in &args.label_rm {
            let gone = spec["Labels"].as_object_mut().and_then(|labels| labels.remove(key));
            if gone.is_none() {
                return Err(Error::Usage(format!("key {key} doesn't exist in node's labels")));
            }
        }
        for (key, value) in &args.label_add {
            spec["Labels"][key] = json!(value);
        }
        Ok(true)
    })
    .await?;
    console::line(&args.node)
}
