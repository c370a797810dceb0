//! `shoal service inspect`.

use engine_api::swarm::Service;

use super::pretty::pretty;
use crate::client::{Client, Request};
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
        console::line(&pretty(&service))?;
    }
    Ok(())
}
