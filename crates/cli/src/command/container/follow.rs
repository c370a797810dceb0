//! What `run`, `start -a` and `attach` share once they are connected: start, carry the streams, tell the exit code.

use engine_api::container::ContainerWaitResponse;

use super::path;
use crate::attachment::{self, End, Options};
use crate::client::{Answer, Client, Hijacked, Request, encode_path};
use crate::error::{Error, code};
use crate::flag::FlagError;
use crate::terminal::DetachKeys;

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
pub(super) enum Start {
    /// It runs.
    Running,
    /// Start it.
    Stopped,
    /// Start it; the daemon removes it when it ends, or cannot be started.
    StoppedAndRemoved,
}

/// Follows the container to its end; gives its exit code, or 0 if the user detached.
pub(super) async fn follow(connected: Connected<'_>, start: Start, options: Options) -> Result<u8, Error> {
    let Connected { client, id, streams, end } = connected;
    let tty = options.tty;
    let raw = attachment::raw_mode(tty, options.stdin)?;
    if start != Start::Running
        && let Err(error) = client.done(Request::post(&path(id, "/start"))).await
    {
        drop(raw);
        if start == Start::StoppedAndRemoved {
            // So that the same name can be used again at once.
            let _ = end.bytes().await;
        }
        return Err(error);
    }
    if tty {
        attachment::resize(client, id).await;
    }
    let carried = attachment::carry(client, id, streams, options).await;
    drop(raw);
    if carried? == End::Detached {
        return Ok(0);
    }
    let result: ContainerWaitResponse = end.json().await?;
    match result.error.filter(|error| !error.message.is_empty()) {
        Some(error) => Err(Error::Daemon { status: 0, message: error.message }),
        None => Ok(exit_code(result.status_code)),
    }
}

/// A container's exit code as ours: the kernel keeps eight bits of it.
fn exit_code(status: i64) -> u8 {
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

/// Reads `--detach-keys`.
pub(super) fn keys(input: &str) -> Result<DetachKeys, FlagError> {
    DetachKeys::parse(input)
}
