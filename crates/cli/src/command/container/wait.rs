//! `shoal wait`.

use engine_api::container::ContainerWaitResponse;

use super::follow::ask_end;
use crate::client::Client;
use crate::command::each::each;
use crate::error::Error;

/// Block until one or more containers stop, then print their exit codes
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal wait CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    each(&args.containers, async |name| {
        let result: ContainerWaitResponse = ask_end(client, name, "").await?.json().await?;
        match result.error.filter(|error| !error.message.is_empty()) {
            Some(error) => Err(Error::Daemon { status: 0, message: error.message }),
            None => Ok(Some(result.status_code.to_string())),
        }
    })
    .await
}
