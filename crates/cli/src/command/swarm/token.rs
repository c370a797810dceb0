//! `shoal swarm join-token`.

use engine_api::swarm::{Node, Swarm};
use serde_json::Value;

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::choice;

/// Manage join tokens
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm join-token [OPTIONS] (worker|manager)")]
pub(crate) struct Args {
    /// Only display token
    #[arg(short, long)]
    quiet: bool,
    /// Rotate join token
    #[arg(long)]
    rotate: bool,
    #[arg(value_name = "worker|manager", hide = true)]
    role: String,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let role = choice::role(&args.role)?;
    let parameter = if role == "worker" { "rotateWorkerToken" } else { "rotateManagerToken" };
    if args.rotate {
        let swarm: Value = client.json(Request::get("/swarm")).await?;
        let version = swarm["Version"]["Index"].as_u64().unwrap_or(0);
        let request = Request::post("/swarm/update")
            .query("version", version)
            .query(parameter, true)
            .json(&swarm["Spec"]);
        client.done(request).await?;
        if !args.quiet {
            console::line(&format!("Successfully rotated {role} join token.\n"))?;
        }
    }
    if args.quiet {
        return console::line(&token(&client.json(Request::get("/swarm")).await?, &role));
    }
    print_join(client, &role, "self").await
}

fn token(swarm: &Swarm, role: &str) -> String {
    if role == "worker" { swarm.join_tokens.worker.clone() } else { swarm.join_tokens.manager.clone() }
}

/// Prints the command that makes another machine join; `node` is the manager it joins at.
pub(super) async fn print_join(client: &Client, role: &str, node: &str) -> Result<(), Error> {
    let swarm: Swarm = client.json(Request::get("/swarm")).await?;
    let node: Node = client.json(Request::get(&crate::command::node::path(client, node).await?)).await?;
    let Some(manager) = node.manager_status else { return Ok(()) };
    let token = token(&swarm, role);
    console::line(&format!(
        "To add a {role} to this swarm, run the following command:\n\n    shoal swarm join --token {token} {}\n",
        manager.addr
    ))
}
