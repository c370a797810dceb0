//! `shoal attach`.

use engine_api::container::ContainerInspectResponse;

use super::follow::{self, Connected, Start, Steering, ask_end};
use super::path;
use crate::attachment;
use crate::client::{Client, Request};
use crate::error::Error;

/// Attach local standard input, output, and error streams to a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal attach [OPTIONS] CONTAINER")]
pub(crate) struct Args {
    #[command(flatten)]
    steering: Steering,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

/// Attaches; gives the container's exit code.
pub(super) async fn run(args: Args, client: &Client) -> Result<u8, Error> {
    let found = inspect(client, &args.container).await?;
    if !found.state.running {
        return Err(Error::Usage("You cannot attach to a stopped container, start it first".to_owned()));
    }
    if found.state.paused {
        return Err(Error::Usage("You cannot attach to a paused container, unpause it first".to_owned()));
    }
    let (tty, stdin) = (found.config.tty, !args.no_stdin && found.config.open_stdin);
    attachment::check_terminal(tty, stdin)?;
    let (keys, signals) = args.steering.take(tty, client)?;
    let options = attachment::Options { tty, stdin, stdout: true, stderr: true, keys, signals };
    let end = ask_end(client, &found.id, "not-running").await?;
    let streams = follow::attach(client, &found.id, &options).await?;
    follow::follow(Connected { client, id: &found.id, streams, end }, Start::Running, options).await
}

/// Asks what the container is.
pub(super) async fn inspect(client: &Client, name: &str) -> Result<ContainerInspectResponse, Error> {
    client.json(Request::get(&path(name, "/json"))).await
}
