//! `/containers/{id}/exec` and `/exec/{id}/…`: additional processes in running containers.

use ::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{ExecConfig, ExecRecord, ExecStart};
use engine_api::container::{
    ExecCreateRequest, ExecCreateResponse, ExecInspectResponse, ExecProcess, ExecStartRequest, ResizeQuery,
};
use tokio::io::AsyncWriteExt;

use super::attach::{Left, copy};
use super::detach::Keys;
use super::stream;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};
use crate::http::hijack::{Hijack, Raw};

pub(super) async fn create(call: Call<NoQuery, Json<ExecCreateRequest>>) -> Outcome {
    let Json(request) = call.body;
    Keys::parse(&request.detach_keys)?;
    let config = ExecConfig {
        args: request.cmd.unwrap_or_default(),
        env: request.env,
        user: request.user,
        working_dir: request.working_dir,
        tty: request.tty,
        stdin: request.attach_stdin,
        stdout: request.attach_stdout,
        stderr: request.attach_stderr,
        privileged: request.privileged,
        console_size: request.console_size.and_then(size),
        detach_keys: request.detach_keys,
    };
    let id = call.api.execs.create(&call.name, config)?;
    Answer::json_with(StatusCode::CREATED, &ExecCreateResponse { id })
}

pub(super) async fn start(call: Call<NoQuery, Json<ExecStartRequest>>) -> Outcome {
    let Json(request) = call.body;
    let record = call.api.execs.check(&call.name)?;
    let tty = record.config.tty;
    let options = ExecStart {
        detach: request.detach,
        console_size: request.console_size.filter(|_| tty).and_then(size),
    };
    if request.detach {
        call.api.execs.start(&record.id, options).await?;
        return Answer::empty(StatusCode::OK);
    }
    let keys = if tty && record.config.stdin { Some(Keys::parse(&record.config.detach_keys)?) } else { None };
    let execs = call.api.execs.clone();
    // The head of the answer goes first, as it does with Docker. There are clients, docker-py among them, that read the
    // head through a buffer and the stream beside it, and lose what comes with the head.
    Ok(Answer::Hijack(Hijack::new(call.form, stream::kind(tty, call.version), move |raw| async move {
        match execs.start(&record.id, options).await {
            Ok(Some(session)) => {
                if copy(raw, session.input, session.output, keys).await == Left::ByKeys {
                    execs.detached(&record.id);
                }
            }
            Ok(None) => {}
            // A client that is attached reads it where the program's output would be.
            Err(error) => say(raw, told(&error.to_string(), tty)).await,
        }
    })))
}

pub(super) async fn resize(call: Call<ResizeQuery>) -> Outcome {
    call.api.execs.resize(&call.name, call.query.h, call.query.w).await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn inspect(call: Call) -> Outcome {
    let record = call.api.execs.inspect(&call.name)?;
    Answer::json(&inspected(&record)?)
}

fn inspected(record: &ExecRecord) -> Result<ExecInspectResponse, Failure> {
    let config = &record.config;
    let (program, arguments) = config
        .args
        .split_first()
        .map_or((String::new(), Vec::new()), |(first, rest)| (first.clone(), rest.to_vec()));
    let keys = if config.detach_keys.is_empty() {
        String::new()
    } else {
        STANDARD.encode(Keys::parse(&config.detach_keys)?.bytes())
    };
    Ok(ExecInspectResponse {
        id: record.id.clone(),
        running: record.running,
        exit_code: record.exit_code,
        process_config: ExecProcess {
            tty: config.tty,
            entrypoint: program,
            arguments,
            privileged: config.privileged,
            user: config.user.clone(),
        },
        open_stdin: config.stdin,
        open_stderr: config.stderr,
        open_stdout: config.stdout,
        can_remove: record.exit_code.is_some(),
        container_id: record.container_id.clone(),
        detach_keys: keys,
        pid: record.pid,
    })
}

/// Rows and columns; zeros stand for nothing.
fn size([rows, columns]: [u16; 2]) -> Option<(u16, u16)> {
    (rows != 0 && columns != 0).then_some((rows, columns))
}

/// A sentence as standard output.
fn told(sentence: &str, tty: bool) -> Vec<u8> {
    let line = format!("{sentence}\r\n");
    if tty {
        return line.into_bytes();
    }
    // A sentence is shorter than four gigabytes.
    let length = u32::try_from(line.len()).unwrap_or(u32::MAX);
    [&[1, 0, 0, 0], length.to_be_bytes().as_slice(), line.as_bytes()].concat()
}

async fn say(mut raw: Raw, said: Vec<u8>) {
    let _ = raw.io.write_all(&said).await;
    let _ = raw.io.shutdown().await;
}
