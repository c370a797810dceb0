//! `shoal service inspect`.

use engine_api::network::Network;
use engine_api::swarm::Service;
use time::OffsetDateTime;

use super::pretty::pretty;
use crate::client::{Client, Request, encode_path};
use crate::command::system::inspect;
use crate::console;
use crate::error::Error;

/// Display detailed information on one or more services
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service inspect [OPTIONS] SERVICE [SERVICE...]")]
pub(crate) struct Args {
    /// Format output using a custom template: 'pretty', 'json' or 'TEMPLATE' in Go's template language
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Print the information in a human friendly format
    #[arg(long)]
    pretty: bool,
    #[arg(value_name = "SERVICE", required = true, hide = true)]
    services: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    if args.pretty && args.format.is_some() {
        return Err(Error::Usage("--format is incompatible with human friendly format".to_owned()));
    }
    if !args.pretty && args.format.as_deref() != Some("pretty") {
        return inspect::kind(inspect::KindArgs::new(args.services, args.format), "service", client).await;
    }
    for name in &args.services {
        let service: Service =
            client.json(Request::get(&super::path(name)).query("insertDefaults", true)).await?;
        let networks = networks(client, &service).await?;
        console::line(&pretty(&service, &networks, OffsetDateTime::now_utc()))?;
    }
    Ok(())
}

/// The names of the service's networks; of one that is gone, what the service calls it.
async fn networks(client: &Client, service: &Service) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for network in &service.spec.task_template.networks {
        let path = format!("/networks/{}", encode_path(&network.target));
        names.push(match client.json::<Network>(Request::get(&path)).await {
            Ok(network) => network.name,
            Err(error) if error.is_not_found() => network.target.clone(),
            Err(error) => return Err(error),
        });
    }
    Ok(names)
}
