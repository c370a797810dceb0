//! `shoal volume create`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::pair;

/// Create a volume
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal volume create [OPTIONS] [VOLUME]")]
pub(crate) struct Args {
    /// Specify volume driver name
    #[arg(short, long, value_name = "string", default_value = "local")]
    driver: String,
    /// Set metadata for a volume
    #[arg(long, value_name = "list", value_parser = pair::label)]
    label: Vec<(String, String)>,
    /// Specify volume name (the old form of the argument)
    #[arg(long, value_name = "string", hide = true)]
    name: Option<String>,
    /// Set driver specific options
    #[arg(short, long, value_name = "map", value_parser = pair::strict)]
    opt: Vec<(String, String)>,
    #[arg(value_name = "VOLUME", hide = true)]
    volume: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    if args.name.is_some() && args.volume.is_some() {
        return Err(Error::Usage(
            "conflicting options: cannot specify a volume-name through both --name and as a positional arg"
                .to_owned(),
        ));
    }
    let body = json!({
        "Name": args.volume.or(args.name).unwrap_or_default(),
        "Driver": args.driver,
        "DriverOpts": args.opt.into_iter().collect::<BTreeMap<_, _>>(),
        "Labels": args.label.into_iter().collect::<BTreeMap<_, _>>(),
    });
    let created: Value = client.json(Request::post("/volumes/create").json(&body)).await?;
    console::line(created["Name"].as_str().unwrap_or_default())
}
