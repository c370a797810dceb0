//! Attaching: to a process that runs, or to the one that will.

use super::attachment::{Attachment, Pending};
use super::request::{AttachOptions, LogOptions};
use super::task::{Phase, Task};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::log::LogStream;
use crate::record::Status;
use crate::shared::now_ns;
use shim::{Request, Response};
use std::path::Path;
use tokio::net::UnixStream;

/// How many clients may wait for one container's start.
const PENDING_MAX: usize = 64;

impl Task {
    /// Docker's attach: the log so far if asked for, then what comes, unless only the log was wanted.
    pub(super) async fn attach(&mut self, options: AttachOptions) -> Result<Attachment> {
        match self.record.state.status {
            Status::Paused => return Err(Error::AttachPaused(self.record.id.clone())),
            Status::Restarting => return Err(Error::RestartingNow(self.record.id.clone())),
            _ => {}
        }
        let tty = self.record.spec.config.tty;
        let stdin = options.stdin && options.stream && self.record.spec.config.open_stdin;
        let (mut attachment, client) = Attachment::pending(tty, stdin);
        self.shared.publish(&self.record, "attach", &[]);
        if options.stream {
            self.connect_or_wait(AttachOptions { stdin, ..options }, client).await?;
        }
        if options.logs {
            attachment.output.replay_first(self.replay(options)?);
        }
        Ok(attachment)
    }

    async fn connect_or_wait(&mut self, options: AttachOptions, client: Pending) -> Result<()> {
        match self.phase {
            Phase::Running(_) => {
                let id = self.record.id.as_str();
                client.connect(connect(id, &self.shared.exec_dir(id), options).await?);
            }
            Phase::Idle | Phase::Waiting { .. } => {
                self.pending.retain(|(_, client)| !client.is_closed());
                if self.pending.len() == PENDING_MAX {
                    return Err(Error::TooManyAttached(self.record.id.clone()));
                }
                self.pending.push((options, client));
            }
            Phase::Removed => return Err(Error::Removing(self.record.id.clone())),
        }
        Ok(())
    }

    /// The log until now; what comes later comes through the connection, which is there already: a line may be told twice
    /// in that moment, none is lost.
    fn replay(&self, options: AttachOptions) -> Result<LogStream> {
        let (stdout, stderr) = (options.stdout, options.stderr);
        let wanted = LogOptions { stdout, stderr, until_ns: Some(now_ns()), ..LogOptions::default() };
        LogStream::open(&self.shared.paths(&self.record.id), &self.shared.config, self.snapshots(), wanted)
    }
}

/// A connection on which the shim has agreed to attach.
pub(super) async fn connect(id: &str, dir: &Path, options: AttachOptions) -> Result<UnixStream> {
    let AttachOptions { stdin, stdout, stderr, .. } = options;
    let mut link = Link::connect(id, dir).await?;
    match link.ask(id, &Request::Attach { stdin, stdout, stderr }).await? {
        Response::Ok => Ok(link.into_stream()),
        other => {
            Err(Error::Shim { id: id.to_owned(), reason: format!("it answers an attach with {other:?}") })
        }
    }
}
