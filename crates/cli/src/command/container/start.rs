//! `shoal start`.

use engine_api::container::ContainerWaitResponse;

use super::{ask_end, exit_code, path};
use crate::attachment::{self, End};
use crate::client::{Client, Request};
use crate::command::each::each;
use crate::error::Error;
use crate::flag::FlagError;
use crate::terminal::{DetachKeys, Signals};

/// Start one or more stopped containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal start [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short, long)]
    attach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", value_parser = keys)]
    detach_keys: Option<DetachKeys>,
    /// Attach container's STDIN
    #[arg(short, long)]
    interactive: bool,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

fn keys(input: &str) -> Result<DetachKeys, FlagError> {
    DetachKeys::parse(input)
}

/// Starts; with `-a` or `-i` gives the container's exit code.
pub(super) async fn run(args: Args, client: &Client) -> Result<u8, Error> {
    if !args.attach && !args.interactive {
        let start = async |name: &str| {
            client.done(Request::post(&path(name, "/start"))).await?;
            Ok(Some(name.to_owned()))
        };
        return each(&args.containers, start).await.map(|()| 0);
    }
    let [name] = &args.containers[..] else {
        return Err(Error::Usage("you cannot start and attach multiple containers at once".to_owned()));
    };
    let found = super::attach::inspect(client, name).await?;
    let (tty, stdin) = (found.config.tty, args.interactive && found.config.open_stdin);
    attachment::check_terminal(tty, stdin)?;
    let signals = if tty { None } else { Some(Signals::catch()?) };
    let attach = Request::post(&path(&found.id, "/attach"))
        .query("stream", 1)
        .flag("stdin", stdin)
        .query("stdout", 1)
        .query("stderr", 1);
    let hijacked = client.hijack(attach).await?;
    let end = ask_end(client, &found.id, if found.host_config.auto_remove { "removed" } else { "next-exit" })
        .await?;
    let raw = attachment::raw_mode(tty, stdin)?;
    client.done(Request::post(&path(&found.id, "/start"))).await?;
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
