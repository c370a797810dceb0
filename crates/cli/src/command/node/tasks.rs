//! `shoal node ps`.

use crate::client::{Client, Request};
use crate::command::service::tasks::{Listing, show};
use crate::error::Error;

/// List tasks running on one or more nodes, defaults to current node
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal node ps [OPTIONS] [NODE...]")]
pub(crate) struct Args {
    #[command(flatten)]
    listing: Listing,
    #[arg(value_name = "NODE", hide = true)]
    nodes: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let names = if args.nodes.is_empty() { vec!["self".to_owned()] } else { args.nodes };
    let mut filters = Vec::new();
    for name in &names {
        let node: engine_api::swarm::Node =
            client.json(Request::get(&super::path(client, name).await?)).await?;
        filters.push(("node".to_owned(), node.id));
    }
    show(&args.listing, filters, client).await
}
