//! `shoal checkpoint create`.

use serde_json::json;

use super::path;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;

/// Create a checkpoint from a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal checkpoint create [OPTIONS] CONTAINER CHECKPOINT")]
pub(crate) struct Args {
    /// Use a custom checkpoint storage directory
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    checkpoint_dir: String,
    /// Leave the container running after checkpoint
    #[arg(long)]
    leave_running: bool,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
    #[arg(value_name = "CHECKPOINT", hide = true)]
    checkpoint: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let body = json!({
        "CheckpointID": args.checkpoint,
        "CheckpointDir": args.checkpoint_dir,
        "Exit": !args.leave_running,
    });
    client.done(Request::post(&path(&args.container)).json(&body)).await?;
    console::line(&args.checkpoint)
}
