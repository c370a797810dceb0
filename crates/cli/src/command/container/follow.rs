//! What `run`, `start -a` and `attach` share once they are connected: start, carry the streams, tell the exit code.

use engine_api::container::ContainerWaitResponse;

use super::path;
use crate::attachment::{self, End, Options, Target};
use crate::client::{Answer, Client, Hijacked, Request, encode_path};
use crate::error::{Error, code};
use crate::flag::{FlagError, switch};
use crate::terminal::{DetachKeys, Signals};

/// How the user steers a container from the terminal.
#[derive(Debug, clap::Args)]
pub(super) struct Steering {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", value_parser = keys)]
    detach_keys: Option<DetachKeys>,
    /// Proxy all received signals to the process (default true)
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          hide_default_value = true, action = clap::ArgAction::Set, value_parser = switch::parse)]
    sig_proxy: bool,
}

impl Steering {
    /// The keys and the signals. From here on a signal is the container's; with a terminal its keys make them.
    pub(super) fn take(self, tty: bool, client: &Client) -> Result<(DetachKeys, Option<Signals>), Error> {
        let signals = if self.sig_proxy && !tty { Some(Signals::catch()?) } else { None };
        Ok((keys_or_default(self.detach_keys, client)?, signals))
    }
}

/// A container whose streams are attached and whose end is asked for.
pub(super) struct Connected<'a> {
    pub(super) client: &'a Client,
    pub(super) id: &'a str,
    pub(super) streams: Hijacked,
    /// Answers when the container ends.
    pub(super) end: Answer,
}

/// Whether the container is still to be started, and what becomes of it when that fails.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Start<'a> {
    /// It runs.
    Running,
    /// Start it.
    Stopped(Restore<'a>),
    /// Start it; the daemon removes it when it ends, or cannot be started.
    StoppedAndRemoved(Restore<'a>),
}

/// From which checkpoint a container is started, if from one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Restore<'a> {
    pub(super) checkpoint: Option<&'a str>,
    pub(super) folder: Option<&'a str>,
}

/// The request that starts a container.
pub(super) fn start(id: &str, restore: Restore<'_>) -> Request {
    Request::post(&path(id, "/start"))
        .query_some("checkpoint", restore.checkpoint)
        .query_some("checkpoint-dir", restore.folder)
}

/// Follows the container to its end; gives its exit code, or 0 if the user detached.
pub(super) async fn follow(
    connected: Connected<'_>,
    start: Start<'_>,
    options: Options,
) -> Result<u8, Error> {
    let Connected { client, id, streams, end } = connected;
    let tty = options.tty;
    let raw = attachment::raw_mode(tty, options.stdin)?;
    let restore = match start {
        Start::Running => None,
        Start::Stopped(restore) | Start::StoppedAndRemoved(restore) => Some(restore),
    };
    if let Some(restore) = restore
        && let Err(error) = client.done(self::start(id, restore)).await
    {
        drop(raw);
        if matches!(start, Start::StoppedAndRemoved(_)) {
            // So that the same name can be used again at once.
            let _ = end.bytes().await;
        }
        return Err(error);
    }
    if tty {
        attachment::resize(client, Target::Container(id)).await;
    }
    let carried = attachment::carry(client, Target::Container(id), streams, options).await;
    drop(raw);
    if carried? == End::Detached {
        // As Docker has it: leaving is a failure of `attach`, and none of `run` and `start`.
        return if start == Start::Running { Err(detached()) } else { Ok(0) };
    }
    let result: ContainerWaitResponse = end.json().await?;
    match result.error.filter(|error| !error.message.is_empty()) {
        Some(error) => Err(Error::Daemon { status: 0, message: error.message }),
        None => Ok(exit_code(result.status_code)),
    }
}

/// What `attach` and `exec` say when the user has typed the detach keys.
pub(super) fn detached() -> Error {
    Error::Usage("read escape sequence".to_owned())
}

/// A container's exit code as ours: the kernel keeps eight bits of it.
pub(super) fn exit_code(status: i64) -> u8 {
    u8::try_from(status & 0xff).unwrap_or(code::RUN)
}

/// Asks the daemon to say when the container ends, and returns once it has heard us: an end after that is not missed.
pub(super) async fn ask_end(client: &Client, id: &str, condition: &str) -> Result<Answer, Error> {
    client.send(Request::post(&path(id, "/wait")).query_some("condition", Some(condition))).await
}

/// Connects to the container's streams.
pub(super) async fn attach(client: &Client, id: &str, options: &Options) -> Result<Hijacked, Error> {
    let request = Request::post(&format!("/containers/{}/attach", encode_path(id)))
        .query("stream", 1)
        .flag("stdin", options.stdin)
        .flag("stdout", options.stdout)
        .flag("stderr", options.stderr);
    client.hijack(request).await
}

/// The keys of `--detach-keys`, else of the configuration file, else Docker's.
pub(super) fn keys_or_default(given: Option<DetachKeys>, client: &Client) -> Result<DetachKeys, Error> {
    match (given, client.config().detach_keys()) {
        (Some(keys), _) => Ok(keys),
        (None, Some(text)) => Ok(keys(text)?),
        (None, None) => Ok(DetachKeys::default()),
    }
}

/// Reads `--detach-keys`.
pub(super) fn keys(input: &str) -> Result<DetachKeys, FlagError> {
    DetachKeys::parse(input)
}
