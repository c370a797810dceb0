//! Checkpoints: containers frozen into files by criu, and started from them.
//!
//! The shim runs criu and gives the files their name, so that a daemon that dies meanwhile loses nothing. Here: where
//! checkpoints are, which there are, whether this machine can, and what the container's record says of it.
//!
//! - [`place`]: names and directories · [`about`]: what is written beside criu's files · [`criu`]: whether it works here
//!
//! Nothing of a checkpoint but the state of processes reaches a container: mounts, devices, limits and names are its own.

mod about;
mod criu;
mod draft;
mod place;

use super::command::Command;
use super::request::WaitCondition;
use super::{Containers, wait};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::record::{Record, Status};
use crate::shared::Shared;
use about::About;
use place::Place;
use shim::{CheckpointSpec, ErrorKind, Request, Response};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub(crate) use draft::sweep;

/// A little longer than the shim's own patience.
pub(super) const LIMIT: Duration = Duration::from_secs(630);

/// Which checkpoint is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointName {
    /// Its name.
    pub name: String,
    /// A directory of checkpoints, absolute; empty: the container's own.
    pub dir: String,
}

/// What a container is started from in place of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The checkpoint's directory.
    pub(super) dir: PathBuf,
    /// The address that the container had.
    pub(super) address: Option<Ipv4Addr>,
}

impl Containers {
    /// Freezes a running container into files. With `exit` it is killed once they are written.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Checkpoint`] if this machine or this container cannot, with the reason;
    /// [`Error::CheckpointFailed`] if criu could not, and the container goes on.
    pub async fn checkpoint(&self, reference: &str, name: &CheckpointName, exit: bool) -> Result<()> {
        let record = self.inspect(reference)?;
        let place = Place::of(&self.shared.paths(&record.id), name)?;
        if record.state.status != Status::Running {
            return Err(Error::NotRunning(record.id.clone()));
        }
        criu::check().await?;
        let ended = wait::wait(self.entry(&record.id)?.snapshots, WaitCondition::NextExit);
        let shared = Arc::clone(&self.shared);
        // On a task of its own: a client that goes away must not leave half a checkpoint.
        let making = tokio::spawn(async move {
            freeze(&shared, &record, place, exit).await?;
            if exit {
                // Whoever is told of the checkpoint finds the container stopped.
                let _ = timeout(LIMIT, ended).await;
            }
            shared.publish(&record, "checkpoint", &[]);
            Ok(())
        });
        making.await.map_err(|_| Error::ShuttingDown)?
    }

    /// The names of a container's checkpoints, or of those in a directory.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]; if the directory cannot be read.
    pub async fn checkpoints(&self, reference: &str, dir: &str) -> Result<Vec<String>> {
        let record = self.inspect(reference)?;
        let parent = place::parent(&self.shared.paths(&record.id), dir)?;
        spawn_blocking(move || place::list(&parent)).await.map_err(|_| Error::ShuttingDown)?
    }

    /// Removes a checkpoint.
    ///
    /// # Errors
    /// [`Error::NoSuchCheckpoint`]; if a file cannot be removed.
    pub async fn remove_checkpoint(&self, reference: &str, name: &CheckpointName) -> Result<()> {
        let record = self.inspect(reference)?;
        let place = Place::of(&self.shared.paths(&record.id), name)?;
        let removed = spawn_blocking(move || {
            if !place.exists() {
                return Err(missing(&place, &record));
            }
            place.remove()
        });
        removed.await.map_err(|_| Error::ShuttingDown)?
    }

    /// Starts a container from a checkpoint.
    ///
    /// # Errors
    /// [`Error::NoSuchCheckpoint`]; [`Error::Checkpoint`] if this machine or this container cannot; as of start.
    pub async fn start_from(&self, reference: &str, name: &CheckpointName) -> Result<()> {
        let record = self.inspect(reference)?;
        let place = Place::of(&self.shared.paths(&record.id), name)?;
        let id = record.id.clone();
        let read = spawn_blocking(move || match place.exists() {
            false => Err(missing(&place, &record)),
            true => {
                About::read(&place.dir()).map(|about| Origin { address: about.address, dir: place.dir() })
            }
        });
        let origin = read.await.map_err(|_| Error::ShuttingDown)??;
        criu::check().await?;
        self.call(&id, |reply| Command::Start { origin: Some(origin), files: Vec::new(), reply }).await
    }
}

fn missing(place: &Place, record: &Record) -> Error {
    Error::NoSuchCheckpoint { name: place.name().to_owned(), container: record.name.clone() }
}

/// Has the shim write the files.
async fn freeze(shared: &Arc<Shared>, record: &Arc<Record>, place: Place, exit: bool) -> Result<()> {
    let prepared = (place, Arc::clone(record));
    let begun = spawn_blocking(move || {
        let (place, record) = prepared;
        if place.exists() {
            let name = place.name().to_owned();
            return Err(Error::CheckpointExists { name, container: record.name.clone() });
        }
        let draft = place.make_draft()?;
        About::of(&record).write(&draft)?;
        Ok((place, draft))
    });
    let (place, draft) = begun.await.map_err(|_| Error::ShuttingDown)??;
    let spec = CheckpointSpec { draft: draft.clone(), dir: place.dir(), leave_running: !exit };
    let asked = async {
        let mut link = Link::connect(&record.id, &shared.exec_dir(&record.id)).await?;
        link.ask_patiently(&record.id, &Request::Checkpoint(spec), LIMIT).await
    };
    let made = match asked.await {
        Ok(Response::Ok) => Ok(()),
        Ok(Response::Error { kind: ErrorKind::NotImplemented, message, .. }) => {
            Err(Error::Checkpoint(message))
        }
        Ok(Response::Error { kind: ErrorKind::Conflict, message, .. }) => {
            Err(Error::CheckpointConflict(message))
        }
        Ok(Response::Error { message, .. }) => Err(Error::CheckpointFailed(message)),
        Ok(other) => Err(Error::CheckpointFailed(format!("the shim answers {other:?}"))),
        // It may still be writing: what it leaves goes with the run.
        Err(error) => return Err(error),
    };
    let settled = spawn_blocking(move || match &made {
        // What was killed for it must be on the disk when the client hears of it.
        Ok(()) => place.sync().and_then(|()| place.made(&draft)).and(made),
        Err(_) => {
            // What stays goes with the run.
            let _ = place.drop_draft(&draft);
            made
        }
    });
    settled.await.map_err(|_| Error::ShuttingDown)?
}

/// What a directory's entry or file being absent means: nothing.
fn unless_missing<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}
