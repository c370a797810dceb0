//! `shoal swarm update`.

use serde_json::{Value, json};

use super::options::Settings;
use super::unlock;
use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::switch;

/// Update the swarm
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm update [OPTIONS]", arg_required_else_help = true)]
pub(crate) struct Args {
    /// Change manager autolocking setting (true|false)
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch::parse)]
    autolock: Option<bool>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let mut swarm: Value = client.json(Request::get("/swarm")).await?;
    let version = swarm["Version"]["Index"].as_u64().unwrap_or(0);
    let spec = &mut swarm["Spec"];
    let was_locking = spec["EncryptionConfig"]["AutoLockManagers"] == true;
    args.settings.apply(spec);
    if let Some(lock) = args.autolock {
        spec["EncryptionConfig"]["AutoLockManagers"] = json!(lock);
    }
    client.done(Request::post("/swarm/update").query("version", version).json(spec)).await?;
    console::line("Swarm updated.")?;
    if args.autolock == Some(true) && !was_locking { unlock::show(client).await } else { Ok(()) }
}
