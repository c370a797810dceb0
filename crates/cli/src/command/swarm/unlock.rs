//! `shoal swarm unlock`, and `shoal swarm unlock-key`.

use std::io::{IsTerminal, Read};

use engine_api::swarm::{LocalNodeState, SwarmUnlockKey};
use engine_api::system::SystemInfo;
use serde_json::{Value, json};

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::terminal::read_secret;

/// Longest key from standard input, in bytes.
const MAX_KEY: u64 = 4 << 10;

/// Unlock swarm
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm unlock")]
pub(crate) struct UnlockArgs {}

/// Manage the unlock key
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm unlock-key [OPTIONS]")]
pub(crate) struct KeyArgs {
    /// Only display token
    #[arg(short, long)]
    quiet: bool,
    /// Rotate unlock key
    #[arg(long)]
    rotate: bool,
}

pub(super) async fn unlock(_: UnlockArgs, client: &Client) -> Result<(), Error> {
    // Whoever has nothing to unlock is not asked for a key.
    let info: SystemInfo = client.json(Request::get("/info")).await?;
    match info.swarm.local_node_state {
        LocalNodeState::Inactive => return Err(Error::Usage("This node is not part of a swarm".to_owned())),
        LocalNodeState::Locked => {}
        _ => return Err(Error::Usage("swarm is not locked".to_owned())),
    }
    let key = if std::io::stdin().is_terminal() {
        console::out("Please enter unlock key: ")?;
        let key = read_secret()?;
        console::line("")?;
        key
    } else {
        let mut text = String::new();
        std::io::stdin().take(MAX_KEY).read_to_string(&mut text)?;
        text
    };
    client.done(Request::post("/swarm/unlock").json(&json!({"UnlockKey": key.trim()}))).await
}

pub(super) async fn key(args: KeyArgs, client: &Client) -> Result<(), Error> {
    if args.rotate {
        let swarm: Value = client.json(Request::get("/swarm")).await?;
        if swarm["Spec"]["EncryptionConfig"]["AutoLockManagers"] != true {
            return Err(Error::Usage("cannot rotate because autolock is not turned on".to_owned()));
        }
        let version = swarm["Version"]["Index"].as_u64().unwrap_or(0);
        let request = Request::post("/swarm/update")
            .query("version", version)
            .query("rotateManagerUnlockKey", true)
            .json(&swarm["Spec"]);
        client.done(request).await?;
        if !args.quiet {
            console::line("Successfully rotated manager unlock key.")?;
        }
    }
    let fetched = fetch(client).await;
    let key = fetched.map_err(|error| Error::Usage(format!("could not fetch unlock key: {error}")))?;
    if key.is_empty() {
        return Err(Error::Usage("no unlock key is set".to_owned()));
    }
    if args.quiet { console::line(&key) } else { print(&key) }
}

/// Prints the key of a swarm that has just begun to lock its managers.
pub(super) async fn show(client: &Client) -> Result<(), Error> {
    print(&fetch(client).await?)
}

async fn fetch(client: &Client) -> Result<String, Error> {
    let answer: SwarmUnlockKey = client.json(Request::get("/swarm/unlockkey")).await?;
    Ok(answer.unlock_key)
}

fn print(key: &str) -> Result<(), Error> {
    console::line(&format!(
        "To unlock a swarm manager after it restarts, run the `shoal swarm unlock`\ncommand and provide the following key:\n\n    {key}\n\nRemember to store this key in a password manager, since without it you\nwill not be able to restart the manager."
    ))
}
