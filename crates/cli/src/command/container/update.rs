//! `shoal update`.

use serde_json::{Value, json};

use super::limits::Limits;
use super::path;
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::console;
use crate::error::Error;
use crate::flag::restart;

/// Update configuration of one or more containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal update [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    limits: Limits,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "string", value_parser = restart::parse)]
    restart: Option<restart::Restart>,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut body = args.limits.json();
    if let Some(restart) = &args.restart {
        if restart.on_unhealthy {
            return Err(Error::Usage("on-unhealthy can only be set when a container is made".to_owned()));
        }
        let policy = json!({"Name": restart.name, "MaximumRetryCount": restart.retries});
        body.insert("RestartPolicy".to_owned(), policy);
    }
    if body.is_empty() {
        return Err(Error::Usage("you must provide one or more flags when using this command".to_owned()));
    }
    let body = Value::Object(body);
    each(&args.containers, async |name| {
        let updated: Value = client.json(Request::post(&path(name, "/update")).json(&body)).await?;
        let warnings = updated["Warnings"].as_array().into_iter().flatten();
        for warning in warnings.filter_map(Value::as_str) {
            console::note(warning);
        }
        Ok(Some(name.to_owned()))
    })
    .await
}
