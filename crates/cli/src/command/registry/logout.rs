//! `shoal logout`.

use crate::client::Client;
use crate::console;
use crate::error::Error;
use crate::registry;

/// Log out from a registry
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal logout [SERVER]")]
pub(crate) struct Args {
    #[arg(value_name = "SERVER", hide = true)]
    server: Option<String>,
}

pub(in crate::command) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let server = registry::server(args.server.as_deref().unwrap_or_default());
    console::line(&format!("Removing login credentials for {server}"))?;
    let mut config = client.config().clone();
    if let Err(error) = registry::erase(&mut config, &server).await {
        console::note(&format!("WARNING: could not erase credentials:\n{server}: {error}"));
    }
    Ok(())
}
