//! Starting an exec: the shim is asked once, and the same connection then carries the streams and the exit code.

use super::record::ExecRecord;
use super::{Execs, check_active, file, pump, remove_file};
use crate::container::AttachInput;
use crate::error::{Error, Result};
use crate::link::Link;
use crate::record::Record;
use crate::shared::{Shared, now_ns};
use bytes::Bytes;
use futures_util::Stream;
use shim::{ErrorKind, ExecSpec, Request, Response};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Exit code of an exec whose program is not there.
const EXIT_NOT_FOUND: i32 = 127;
/// Exit code of an exec that failed for any other reason, as Docker has it.
const EXIT_FAILED: i32 = 126;
/// Pieces of output between the shim's connection and a client that is slow to take them.
const OUTPUT_QUEUE: usize = 4;

/// How long to wait for the word that the container has ended, when its shim does not answer.
const EXPLAIN_LIMIT: Duration = Duration::from_secs(1);

/// How to start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecStart {
    /// Nobody wants its streams.
    pub detach: bool,
    /// Overrides the size of the terminal: rows, columns.
    pub console_size: Option<(u16, u16)>,
}

/// The streams of a started exec.
#[derive(Debug)]
pub struct Session {
    /// Whether it has a terminal: then the output is raw bytes, else Docker's 8-byte-header frames.
    pub tty: bool,
    /// What is written here the process reads; shutting it down is its end of file. `None` when not asked for.
    pub input: Option<AttachInput>,
    /// What the process writes. When it ends, the exit code is known.
    pub output: ExecOutput,
}

/// The output of an exec. Dropping it leaves the exec running.
#[derive(Debug)]
pub struct ExecOutput {
    pieces: mpsc::Receiver<Bytes>,
}

impl Execs {
    /// Whether [`Execs::start`] has a chance, for whoever must answer a client before there is anything to tell.
    ///
    /// # Errors
    /// As [`Execs::start`], but for those of the program.
    pub fn check(&self, id: &str) -> Result<Arc<ExecRecord>> {
        let record = self.inspect(id)?;
        let container = self.shared.index().find(&record.container_id)?.snapshots.borrow().clone();
        check_active(&container, &container.id)?;
        record.check_new()?;
        Ok(record)
    }

    /// Starts it, and gives its streams unless it is detached.
    ///
    /// # Errors
    /// [`Error::Exec`] if its program cannot be run; [`Error::NoSuchExec`], [`Error::ExecRunning`],
    /// [`Error::ExecHasRun`]; as [`Execs::create`] if its container does not run.
    pub async fn start(&self, id: &str, options: ExecStart) -> Result<Option<Session>> {
        let record = self.inspect(id)?;
        let container = self.shared.index().find(&record.container_id)?.snapshots.borrow().clone();
        check_active(&container, &container.id)?;
        let record = self.shared.execs.claim(id)?;
        let action = format!("exec_start: {}", record.command_line());
        self.shared.publish(&container, &action, &[("execID", id)]);
        // On a task of its own: a client that goes away must not leave an exec of which nobody knows how far it is.
        let starting = tokio::spawn(start(self.shared.clone(), container, record, options));
        starting.await.map_err(|_| Error::ShuttingDown)?
    }

    /// A client left it running, with the keys for that.
    pub fn detached(&self, id: &str) {
        let Some(record) = self.shared.execs.get(id) else { return };
        let container = self.shared.index().find(&record.container_id).map(|e| e.snapshots.borrow().clone());
        if let Ok(container) = container {
            self.shared.publish(&container, "exec_detach", &[("execID", id)]);
        }
    }
}

impl Stream for ExecOutput {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_recv(context).map(|piece| piece.map(Ok))
    }
}

async fn start(
    shared: Arc<Shared>,
    container: Arc<Record>,
    record: Arc<ExecRecord>,
    options: ExecStart,
) -> Result<Option<Session>> {
    let note = file(&shared.exec_dir(&container.id), &record.id);
    let (pid, stream) = match ask(&shared, &container, &record, options).await {
        Ok(started) => started,
        Err(error) => {
            let error = explain(&shared, &container.id, error).await;
            let exit_code = match &error {
                Error::Exec { exit_code, .. } => *exit_code,
                _ => EXIT_FAILED,
            };
            shared.execs.change(&record.id, |record| {
                (record.running, record.exit_code, record.ended_ns) = (false, Some(exit_code), now_ns());
            });
            remove_file(&note);
            return Err(error);
        }
    };
    shared.execs.change(&record.id, |record| record.pid = pid);
    let (read, write) = stream.into_split();
    let config = &record.config;
    let (client, session) = if options.detach {
        // Dropping the half would shut it down, which the shim would take for an end of file.
        write.forget();
        (None, None)
    } else {
        let (sender, pieces) = mpsc::channel(OUTPUT_QUEUE);
        let input = if config.stdin {
            Some(AttachInput::ready(write))
        } else {
            write.forget();
            None
        };
        (Some(sender), Some(Session { tty: config.tty, input, output: ExecOutput { pieces } }))
    };
    tokio::spawn(pump::run(shared, container, record.id.clone(), config.tty, read, client));
    Ok(session)
}

/// A shim that goes away takes its container along: that is the reason to tell, once the container's task knows.
async fn explain(shared: &Shared, container_id: &str, error: Error) -> Error {
    if !matches!(error, Error::Shim { .. } | Error::Io { .. }) {
        return error;
    }
    let Ok(mut snapshots) = shared.index().find(container_id).map(|entry| entry.snapshots.clone()) else {
        return Error::NotRunning(container_id.to_owned());
    };
    let ended = snapshots.wait_for(|record| record.state.pid == 0);
    match tokio::time::timeout(EXPLAIN_LIMIT, ended).await {
        Ok(_) => Error::NotRunning(container_id.to_owned()),
        Err(_) => error,
    }
}

/// Has the shim start it. The note is there before the process is.
async fn ask(
    shared: &Shared,
    container: &Record,
    record: &ExecRecord,
    options: ExecStart,
) -> Result<(u32, UnixStream)> {
    let dir = shared.exec_dir(&container.id);
    let mut link = Link::connect(&container.id, &dir).await?;
    let path = file(&dir, &record.id);
    fault::point("exec: write file");
    let json = serde_json::to_vec(record).map_err(|error| Error::Io {
        action: "write",
        path: path.clone(),
        source: error.into(),
    })?;
    std::fs::write(&path, json).map_err(Error::io("write", path))?;
    fault::point("exec: run program");
    match link.ask(&container.id, &Request::Exec(spec(record, options))).await? {
        Response::Started { pid } => Ok((u32::try_from(pid).unwrap_or_default(), link.into_stream())),
        Response::Error { kind, message, exit_code } => Err(refused(&container.id, kind, message, exit_code)),
        other => Err(Error::Shim {
            id: container.id.clone(),
            reason: format!("it answers an exec with {other:?}"),
        }),
    }
}

fn spec(record: &ExecRecord, options: ExecStart) -> ExecSpec {
    let config = &record.config;
    let attached = !options.detach;
    ExecSpec {
        id: record.id.clone(),
        args: config.args.clone(),
        env: config.env.clone(),
        user: Some(config.user.clone()).filter(|user| !user.is_empty()),
        cwd: Some(config.working_dir.clone()).filter(|dir| !dir.is_empty()).map(Into::into),
        capabilities: config.privileged.then(crate::plan::every_capability),
        tty: config.tty,
        console_size: options.console_size.or(config.console_size),
        stdin: attached && config.stdin,
        stdout: attached && config.stdout,
        stderr: attached && config.stderr,
    }
}

/// What the shim says, in Docker's words.
fn refused(container_id: &str, kind: ErrorKind, message: String, exit_code: i32) -> Error {
    /// What the runtime puts before a configuration that it refuses.
    const REFUSED: &str = "invalid container configuration: ";
    match kind {
        ErrorKind::Conflict => Error::NotRunning(container_id.to_owned()),
        ErrorKind::Exhausted => Error::TooManyExecs,
        ErrorKind::NotImplemented => {
            Error::NotImplemented("an exec in a container that was started by an earlier version")
        }
        // A user that is not there, above all.
        ErrorKind::Invalid if message.starts_with(REFUSED) => {
            Error::Exec { message: message[REFUSED.len()..].to_owned(), exit_code: EXIT_FAILED }
        }
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Internal => Error::Exec {
            message: format!(
                "OCI runtime exec failed: exec failed: unable to start container process: {message}: unknown"
            ),
            exit_code: if exit_code == EXIT_NOT_FOUND { EXIT_NOT_FOUND } else { EXIT_FAILED },
        },
    }
}
