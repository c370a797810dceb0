//! `shoal attach`.

use engine_api::container::{ContainerInspectResponse, ContainerWaitResponse};

use super::{ask_end, exit_code, path};
use crate::attachment::{self, End};
use crate::client::{Client, Request};
use crate::error::Error;
use crate::flag::{FlagError, switch};
use crate::terminal::{DetachKeys, Signals};

/// Attach local standard input, output, and error streams to a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal attach [OPTIONS] CONTAINER")]
pub(crate) struct Args {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", value_parser = keys)]
    detach_keys: Option<DetachKeys>,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    /// Proxy all received signals to the process (default true)
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          hide_default_value = true, action = clap::ArgAction::Set, value_parser = switch::parse)]
    sig_proxy: bool,
    #[arg(value_name = "CONTAINER", hide = true)]
    container: String,
}

fn keys(input: &str) -> Result<DetachKeys, FlagError> {
    DetachKeys::parse(input)
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
    let signals = if args.sig_proxy && !tty { Some(Signals::catch()?) } else { None };
    let end = ask_end(client, &found.id, "not-running").await?;
    let attach = Request::post(&path(&found.id, "/attach"))
        .query("stream", 1)
        .flag("stdin", stdin)
        .query("stdout", 1)
        .query("stderr", 1);
    let hijacked = client.hijack(attach).await?;
    let raw = attachment::raw_mode(tty, stdin)?;
    if tty {
        attachment::resize(client, &found.id).await;
    }
    let keys = args.detach_keys.unwrap_or_default();
    let options = attachment::Options { tty, stdin, stdout: true, stderr: true, keys, signals };
    let carried = attachment::carry(client, &found.id, hijacked, options).await;
    drop(raw);
    if carried? == End::Detached {
        return Ok(0);
    }
    let result: ContainerWaitResponse = end.json().await?;
    Ok(exit_code(result.status_code))
}

/// Asks what the container is.
pub(super) async fn inspect(client: &Client, name: &str) -> Result<ContainerInspectResponse, Error> {
    client.json(Request::get(&path(name, "/json"))).await
}
