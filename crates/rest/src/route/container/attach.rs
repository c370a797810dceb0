//! `POST /containers/{id}/attach`: the connection becomes the container's standard streams.

use bytes::Bytes;
use engine::{AttachInput, AttachOptions};
use engine_api::container::AttachQuery;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::detach::Keys;
use super::stream;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::hijack::{Duplex, Hijack, Raw};

/// Bytes of input that are read at a time.
const READ_SIZE: usize = 16 * 1024;

pub(super) async fn attach(call: Call<AttachQuery>) -> Outcome {
    let AttachQuery { detach_keys, logs, stream, stdin, stdout, stderr } = call.query;
    let keys = Keys::parse(&detach_keys)?;
    let options = AttachOptions { stdin, stdout, stderr, logs, stream };
    if !(stream || logs) {
        return Err(Failure::invalid("Bad parameters: you must choose logs, stream, or both"));
    }
    let attachment = call.api.containers.attach(&call.name, options).await?;
    let keys = (attachment.tty && stdin).then_some(keys);
    let kind = stream::kind(attachment.tty, call.version);
    let (containers, id) = (call.api.containers, call.name);
    Ok(Answer::Hijack(Hijack::new(call.form, kind, move |raw| async move {
        if copy(raw, attachment.input, attachment.output, keys).await == Left::ByKeys {
            containers.detached(&id);
        }
    })))
}

/// Copies both ways until the output ends, the client is gone or has typed the keys that leave. The end of the client's side
/// reaches the container as the end of its input, and output goes on after it.
pub(super) async fn copy(
    raw: Raw,
    input: Option<AttachInput>,
    output: impl Stream<Item = engine::Result<Bytes>> + Unpin,
    keys: Option<Keys>,
) -> Left {
    let (reader, mut writer) = tokio::io::split(raw.io);
    let from_client = async {
        if let Some(input) = input
            && feed(&raw.early, reader, input, keys).await == Fed::Detached
        {
            return;
        }
        // The client has said all; the end is then the output's.
        std::future::pending().await
    };
    let left = tokio::select! {
        () = from_client => Left::ByKeys,
        () = show(output, &mut writer) => Left::WithOutput,
    };
    let _ = writer.shutdown().await;
    left
}

/// Why a copy has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The output has ended, or the client is gone.
    WithOutput,
    /// The client has typed the keys that leave.
    ByKeys,
}

async fn show(
    mut output: impl Stream<Item = engine::Result<Bytes>> + Unpin,
    writer: &mut WriteHalf<Box<dyn Duplex>>,
) {
    while let Some(chunk) = output.next().await {
        match chunk {
            Ok(chunk) => {
                if writer.write_all(&chunk).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "output of an attached container ended early");
                return;
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Fed {
    /// The client's side has ended, or the container takes no more.
    Ended,
    /// The client typed the keys that leave.
    Detached,
}

async fn feed(
    early: &[u8],
    mut reader: ReadHalf<Box<dyn Duplex>>,
    mut input: AttachInput,
    mut keys: Option<Keys>,
) -> Fed {
    let mut buffer = vec![0; READ_SIZE];
    let mut typed = early.to_vec();
    loop {
        let detached = match &mut keys {
            None => false,
            Some(keys) => {
                let (on, ended) = keys.take(&typed);
                typed = on;
                ended
            }
        };
        if !typed.is_empty() && input.write_all(&typed).await.is_err() {
            return Fed::Ended;
        }
        if detached {
            return Fed::Detached;
        }
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                let _ = input.shutdown().await;
                return Fed::Ended;
            }
            Ok(length) => {
                typed.clear();
                typed.extend_from_slice(&buffer[..length]);
            }
        }
    }
}
