//! `shoal start`.

use super::follow::{self, Connected, Restore, Start, ask_end, keys, keys_or_default};
use crate::attachment;
use crate::client::Client;
use crate::command::each::each;
use crate::error::Error;
use crate::terminal::{DetachKeys, Signals};

/// Start one or more stopped containers
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal start [OPTIONS] CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short, long)]
    attach: bool,
    /// Restore from this checkpoint
    #[arg(long, value_name = "string")]
    checkpoint: Option<String>,
    /// Use a custom checkpoint storage directory
    #[arg(long, value_name = "string")]
    checkpoint_dir: Option<String>,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", value_parser = keys)]
    detach_keys: Option<DetachKeys>,
    /// Attach container's STDIN
    #[arg(short, long)]
    interactive: bool,
    #[arg(value_name = "CONTAINER", required = true, hide = true)]
    containers: Vec<String>,
}

/// Starts; with `-a` or `-i` gives the container's exit code.
pub(super) async fn run(args: Args, client: &Client) -> Result<u8, Error> {
    let restore = Restore { checkpoint: args.checkpoint.as_deref(), folder: args.checkpoint_dir.as_deref() };
    if restore.checkpoint.is_some() && args.containers.len() > 1 {
        return Err(Error::Usage("you cannot restore multiple containers at once".to_owned()));
    }
    if !args.attach && !args.interactive {
        let start = async |name: &str| {
            client.done(follow::start(name, restore)).await?;
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
    let keys = keys_or_default(args.detach_keys, client)?;
    let options = attachment::Options { tty, stdin, stdout: true, stderr: true, keys, signals };
    let streams = follow::attach(client, &found.id, &options).await?;
    let (condition, start) = match found.host_config.auto_remove {
        true => ("removed", Start::StoppedAndRemoved(restore)),
        false => ("next-exit", Start::Stopped(restore)),
    };
    let end = ask_end(client, &found.id, condition).await?;
    follow::follow(Connected { client, id: &found.id, streams, end }, start, options).await
}
