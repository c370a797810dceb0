//! Containers: the handle everybody holds, and the task behind each container.
//!
//! A request travels from a [`Containers`] method as a [`command::Command`] to the container's [`task`], which alone
//! changes the [`Record`] and publishes a snapshot after each change. `list`, `inspect`, `logs` and `wait` read snapshots
//! and never wait for a task.

mod attach;
mod attachment;
mod checkpoint;
mod command;
mod connect;
mod create;
mod exit;
mod health;
mod index;
mod join;
mod launch;
mod log;
mod networks;
mod oom;
mod paths;
mod pause;
mod places;
mod prune;
mod relink;
mod remove;
mod request;
mod start;
mod stats;
mod stop;
mod task;
mod top;
mod unlink;
mod update;
mod usage;
mod wait;

pub use attachment::{AttachInput, AttachOutput, Attachment};
pub use checkpoint::CheckpointName;
pub(crate) use checkpoint::sweep as sweep_drafts;
pub(crate) use command::Command;
pub(crate) use create::CREATED_FILE;
pub(crate) use exit::{killed_now, sweep_cgroup};
pub(crate) use index::Index;
pub(crate) use launch::remove_dir;
pub use paths::Paths;
pub(crate) use places::{ENDPOINTS_FILE, Places};
pub use prune::Pruned;
pub use request::{
    AttachOptions, Created, LogOptions, RemoveOptions, StopOptions, StopTimeout, WaitCondition, WaitResult,
};
pub(crate) use task::{Adopted, spawn};

use crate::cgroup::{CgroupDriver, cgroup_root};
use crate::error::{Error, Result};
use crate::log::LogStream;
use crate::record::Record;
use crate::shared::Shared;
use crate::spec::{ContainerSpec, Update};
use command::Reply;
use index::Entry;
use runtime::MemoryFile;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// The containers of this engine. Cheap to clone.
///
/// A `reference` is an id, a name, or the beginning of exactly one id.
#[derive(Clone)]
pub struct Containers {
    pub(crate) shared: Arc<Shared>,
}

impl Containers {
    pub(crate) fn new(shared: Arc<Shared>) -> Containers {
        Containers { shared }
    }

    /// Removes the cgroup above those of the containers, unless one is left in it.
    pub(crate) async fn retire_cgroups(&self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        if shared.config.cgroup_driver == CgroupDriver::Systemd {
            // A slice is systemd's.
            return Ok(());
        }
        let removed = tokio::task::spawn_blocking(move || {
            let root = cgroup_root(&shared.config);
            match shared.cgroups.children(&root) {
                Ok(children) if children.is_empty() => {
                    fault::point("retire: remove cgroup");
                    shared.cgroups.cgroup(&root)?.remove()
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            }
        });
        let removed = removed.await.map_err(|_| Error::ShuttingDown)?;
        removed.map_err(|error| Error::Machine(error.to_string()))
    }

    /// Makes a container; no process yet.
    ///
    /// # Errors
    /// If the spec is invalid, the image is missing or the name taken; nothing is left behind.
    pub async fn create(&self, spec: ContainerSpec) -> Result<Created> {
        // On a task of its own: a client that goes away must not leave half a container.
        let making = tokio::spawn(create::create(self.shared.clone(), spec));
        making.await.map_err(|_| Error::ShuttingDown)?
    }

    /// Its record, and each one after it; ends when the container is removed.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn follow(&self, reference: &str) -> Result<watch::Receiver<Arc<Record>>> {
        Ok(self.entry(reference)?.snapshots)
    }

    /// Starts the process.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`] if it runs; [`Error::Start`] if the process cannot be made, which leaves nothing.
    pub async fn start(&self, reference: &str) -> Result<()> {
        self.start_with(reference, Vec::new()).await
    }

    /// Starts the process of a container whose spec says that it has files in memory, with these. They are kept for this one run
    /// and on no disk: who wants to start it again brings them again.
    ///
    /// # Errors
    /// As of [`Containers::start`].
    pub async fn start_with(&self, reference: &str, files: Vec<MemoryFile>) -> Result<()> {
        self.call(reference, |reply| Command::Start { origin: None, files, reply }).await
    }

    /// Sends the stop signal, and SIGKILL when the time is over. Returns when the process has ended.
    ///
    /// # Errors
    /// [`Error::AlreadyStopped`] if it does not run; [`Error::Stuck`] if SIGKILL does not end it.
    pub async fn stop(&self, reference: &str, options: StopOptions) -> Result<()> {
        self.call(reference, |reply| Command::Stop { options, reply }).await
    }

    /// Stops it if it runs, then starts it.
    ///
    /// # Errors
    /// As of stop and start.
    pub async fn restart(&self, reference: &str, options: StopOptions) -> Result<()> {
        self.call(reference, |reply| Command::Restart { options, reply }).await
    }

    /// Sends a signal, by name or number, to the first process.
    ///
    /// # Errors
    /// [`Error::KillNotRunning`] if it does not run.
    pub async fn kill(&self, reference: &str, signal: &str) -> Result<()> {
        let signal = crate::signal::parse(signal)?;
        self.call(reference, |reply| Command::Kill { signal, reply }).await
    }

    /// Stops all its processes where they are.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::AlreadyPaused`], or if a process cannot be stopped.
    pub async fn pause(&self, reference: &str) -> Result<()> {
        self.call(reference, |reply| Command::Pause { reply }).await
    }

    /// Lets its processes go on.
    ///
    /// # Errors
    /// [`Error::NotPaused`]
    pub async fn unpause(&self, reference: &str) -> Result<()> {
        self.call(reference, |reply| Command::Unpause { reply }).await
    }

    /// Changes limits, at once if it runs, and the restart policy. Returns what the user should know.
    ///
    /// # Errors
    /// [`Error::Update`] if the change contradicts what stays, [`Error::Invalid`] if it makes no sense.
    pub async fn update(&self, reference: &str, update: Update) -> Result<Vec<String>> {
        self.call(reference, |reply| Command::Update { update: Box::new(update), reply }).await
    }

    /// Removes it with everything it wrote.
    ///
    /// # Errors
    /// [`Error::RemoveRunning`] if it runs and `force` is not set.
    pub async fn remove(&self, reference: &str, options: RemoveOptions) -> Result<()> {
        self.call(reference, |reply| Command::Remove { options, reply }).await
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// [`Error::NameInUse`] if another has it.
    pub async fn rename(&self, reference: &str, name: &str) -> Result<()> {
        let name = crate::name::check(name)?.to_owned();
        self.call(reference, |reply| Command::Rename { name, reply }).await
    }

    /// Sets the size of its terminal.
    ///
    /// # Errors
    /// [`Error::NotRunning`] if it does not run.
    pub async fn resize(&self, reference: &str, rows: u16, cols: u16) -> Result<()> {
        self.call(reference, |reply| Command::Resize { rows, cols, reply }).await
    }

    /// Attaches to its streams: at once if it runs, else when it starts.
    ///
    /// # Errors
    /// If its shim does not answer.
    pub async fn attach(&self, reference: &str, options: AttachOptions) -> Result<Attachment> {
        self.call(reference, |reply| Command::Attach { options, reply }).await
    }

    /// Tells that a client left its streams by the keys for that.
    pub fn detached(&self, reference: &str) {
        // One that is gone meanwhile has nobody to tell of.
        if let Ok(record) = self.inspect(reference) {
            self.shared.publish(&record, "detach", &[]);
        }
    }

    /// Its log, as far as it is written, and with `follow` until its process ends.
    ///
    /// # Errors
    /// [`Error::LogsUnreadable`] if its driver keeps none.
    pub async fn logs(&self, reference: &str, options: LogOptions) -> Result<LogStream> {
        let entry = self.entry(reference)?;
        let id = entry.snapshots.borrow().id.clone();
        LogStream::open(&self.shared.paths(&id), &self.shared.config, entry.snapshots, options)
    }

    /// Waits. The wait is registered when this returns; the future inside gives the result, also of a container that is
    /// removed meanwhile.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]
    pub fn wait(
        &self,
        reference: &str,
        condition: WaitCondition,
    ) -> Result<impl Future<Output = WaitResult> + Send + use<>> {
        Ok(wait::wait(self.entry(reference)?.snapshots, condition))
    }

    /// The newest snapshots of all containers, newest container first. Never waits for a container.
    pub fn list(&self) -> Vec<Arc<Record>> {
        let mut records = self.shared.index().snapshots();
        records.sort_by(|a, b| b.created_ns.cmp(&a.created_ns).then_with(|| a.id.cmp(&b.id)));
        records
    }

    /// The newest snapshot of one container. Never waits for it.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]
    pub fn inspect(&self, reference: &str) -> Result<Arc<Record>> {
        Ok(self.entry(reference)?.snapshots.borrow().clone())
    }

    /// Where the files of the container with this whole id lie.
    pub fn paths(&self, id: &str) -> Paths {
        self.shared.paths(id)
    }

    pub(crate) fn entry(&self, reference: &str) -> Result<Entry> {
        self.shared.index().find(reference).cloned()
    }

    pub(crate) async fn call<T>(
        &self,
        reference: &str,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T> {
        let entry = self.entry(reference)?;
        let (reply, answer) = oneshot::channel();
        let gone = || Error::NoSuchContainer(reference.to_owned());
        entry.commands.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
