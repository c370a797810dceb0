//! Execs: additional processes in running containers.
//!
//! Purpose: making, starting, resizing and inspecting them, their events, and finding them again after the daemon went
//! away. Inputs: an [`ExecConfig`] and a container. Outputs: [`ExecRecord`] snapshots, a [`Session`] with the streams.
//!
//! The process is a child of the container's shim, which this room asks directly: no container's task is involved, so
//! that an exec waits for nothing. A [`Registry`] in memory knows all execs; of those that were started a file in the
//! run's directory tells a later daemon what they are, and the shim how they ended.

mod pump;
mod record;
mod recover;
mod registry;
mod start;

pub use record::{ExecConfig, ExecRecord};
pub(crate) use recover::adopt;
pub(crate) use registry::Registry;
pub use start::{ExecOutput, ExecStart, Session};

use crate::error::{Error, Result};
use crate::link::Link;
use crate::record::{Record, Status};
use crate::shared::{Shared, now_ns};
use shim::{Request, Response};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The execs of this engine. Cheap to clone.
#[derive(Clone)]
pub struct Execs {
    shared: Arc<Shared>,
}

impl Execs {
    pub(crate) fn new(shared: Arc<Shared>) -> Execs {
        Execs { shared }
    }

    /// Makes an exec that [`Execs::start`] starts; its id. Nothing runs yet.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::ExecPaused`], [`Error::RestartingNow`], or if the configuration is wrong.
    pub fn create(&self, reference: &str, config: ExecConfig) -> Result<String> {
        let container = self.shared.index().find(reference)?.snapshots.borrow().clone();
        check_active(&container, reference)?;
        if config.args.first().is_none_or(String::is_empty) {
            return Err(Error::NoExecCommand);
        }
        let id = crate::name::random_id(&mut rand::rng());
        let record = ExecRecord::new(id.clone(), container.id.clone(), config);
        let action = format!("exec_create: {}", record.command_line());
        let gone = self.shared.execs.insert(record, now_ns())?;
        for (exec, container) in gone {
            remove_file(&file(&self.shared.exec_dir(&container), &exec));
        }
        self.shared.publish(&container, &action, &[("execID", &id)]);
        Ok(id)
    }

    /// The newest snapshot of one exec.
    ///
    /// # Errors
    /// [`Error::NoSuchExec`], also if its container is gone.
    pub fn inspect(&self, id: &str) -> Result<Arc<ExecRecord>> {
        let record = self.shared.execs.get(id).ok_or_else(|| Error::NoSuchExec(id.to_owned()))?;
        match self.shared.index().find(&record.container_id) {
            Ok(_) => Ok(record),
            Err(_) => Err(Error::NoSuchExec(id.to_owned())),
        }
    }

    /// The ids of a container's execs that have not ended.
    pub fn of_container(&self, container_id: &str) -> Vec<String> {
        self.shared.execs.of_container(container_id)
    }

    /// Sets the size of its terminal.
    ///
    /// # Errors
    /// [`Error::NoSuchExec`], or if it does not run or has no terminal.
    pub async fn resize(&self, id: &str, rows: u16, cols: u16) -> Result<()> {
        let record = self.inspect(id)?;
        let container = record.container_id.as_str();
        if !record.running {
            return Err(Error::ExecNotRunning(id.to_owned()));
        }
        let mut link = Link::connect(container, &self.shared.exec_dir(container)).await?;
        match link.ask_briefly(container, &Request::ExecResize { id: id.to_owned(), rows, cols }).await? {
            Response::Ok => Ok(()),
            Response::Error { kind: shim::ErrorKind::NotFound, .. } => {
                Err(Error::ExecNotRunning(id.to_owned()))
            }
            Response::Error { message, .. } => Err(Error::Shim { id: container.to_owned(), reason: message }),
            other => Err(Error::Shim {
                id: container.to_owned(),
                reason: format!("it answers a resize with {other:?}"),
            }),
        }
    }
}

/// Whether something can be run in the container now; `name` is what the client called it.
fn check_active(container: &Record, name: &str) -> Result<()> {
    match container.state.status {
        Status::Running => Ok(()),
        Status::Paused => Err(Error::ExecPaused(name.to_owned())),
        Status::Restarting => Err(Error::RestartingNow(container.id.clone())),
        Status::Created | Status::Removing | Status::Exited | Status::Dead => {
            Err(Error::NotRunning(container.id.clone()))
        }
    }
}

/// What tells a later daemon of a started exec: its record, in the directory of the container's run.
fn file(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{FILE_PREFIX}{id}{FILE_SUFFIX}"))
}

const FILE_PREFIX: &str = "exec-";
const FILE_SUFFIX: &str = ".json";

/// A file that cannot be removed goes with the directory of the run.
fn remove_file(path: &Path) {
    fault::point("exec: remove file");
    let _ = std::fs::remove_file(path);
}
