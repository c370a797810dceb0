//! `shoal run`: create, attach, start, wait, as one.

use super::create;
use super::follow::{self, Connected, Restore, Start, Steering, ask_end};
use super::options::Options;
use super::request::attached;
use crate::attachment;
use crate::client::Client;
use crate::console;
use crate::error::{Error, code};

/// Create and run a new container from an image
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal run [OPTIONS] IMAGE [COMMAND] [ARG...]")]
pub(crate) struct Args {
    /// Run container in background and print container ID
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    steering: Steering,
    #[command(flatten)]
    options: Options,
}

impl Args {
    /// The image's name.
    pub(crate) fn image(&self) -> &str {
        self.options.image()
    }
}

/// Runs the container; gives its exit code.
pub(super) async fn run(args: Args, client: &Client) -> Result<u8, Error> {
    if args.detach && !args.options.attach.is_empty() {
        return Err(Error::Usage(
            "conflicting options: cannot specify both --attach and --detach".to_owned(),
        ));
    }
    if args.detach {
        return detached(&args.options, client).await;
    }
    let streams = attached(&args.options);
    let options = &args.options;
    attachment::check_terminal(options.tty, streams.stdin)?;
    let id = create::create(client, options).await?;
    // While the image was pulled, a signal was ours.
    let (keys, signals) = args.steering.take(options.tty, client)?;
    let carried = attachment::Options {
        tty: options.tty,
        stdin: streams.stdin,
        stdout: streams.stdout,
        stderr: streams.stderr,
        keys,
        signals,
    };
    let streams = follow::attach(client, &id, &carried).await?;
    let (condition, start) = match options.rm {
        true => ("removed", Start::StoppedAndRemoved(Restore::default())),
        false => ("next-exit", Start::Stopped(Restore::default())),
    };
    let end = ask_end(client, &id, condition).await?;
    follow::follow(Connected { client, id: &id, streams, end }, start, carried).await
}

async fn detached(options: &Options, client: &Client) -> Result<u8, Error> {
    let id = create::create(client, options).await?;
    client.done(follow::start(&id, Restore::default())).await?;
    console::line(&id)?;
    Ok(0)
}

/// The exit code for a failure: whether it was the command's or ours, as Docker tells it apart.
pub(crate) fn failure_code(error: &Error) -> u8 {
    let text = match error {
        // Docker's client gives 1 here.
        Error::Usage(text) if text.contains("--attach and --detach") || text.contains("not a TTY") => {
            return code::FAILURE;
        }
        Error::Interrupted => return code::FAILURE,
        Error::Daemon { message, .. } => message.to_lowercase(),
        _ => return code::RUN,
    };
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["executable file not found", "no such file or directory", "cannot find the file"]) {
        code::NOT_FOUND
    } else if says(&["permission denied", "is a directory", "exec format error"]) {
        code::NOT_EXECUTABLE
    } else {
        code::RUN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_dockers_codes() {
        let daemon = |message: &str| Error::Daemon { status: 400, message: message.to_owned() };
        let table = [
            (daemon("exec: \"nosuch\": executable file not found in $PATH: unknown"), 127),
            (daemon("exec: \"/x\": stat /x: no such file or directory"), 127),
            (daemon("exec: \"/etc/passwd\": permission denied"), 126),
            (daemon("Conflict. The container name \"/x\" is already in use"), 125),
            (Error::Usage("the input device is not a TTY".to_owned()), 1),
            (Error::Usage("other".to_owned()), 125),
        ];
        for (error, want) in table {
            assert_eq!(failure_code(&error), want, "{error}");
        }
    }
}
