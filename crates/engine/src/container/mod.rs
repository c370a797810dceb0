//! Containers: the handle everybody holds, and the task behind each container.
//!
//! A request travels from a [`Containers`] method as a [`command::Command`] to the container's task, which alone changes
//! the [`Record`] and publishes a snapshot after each change. `list`, `inspect` and `wait` read snapshots and never
//! wait for a task.

mod attachment;
mod command;
mod index;
mod request;

pub use attachment::{AttachInput, AttachOutput, Attachment};
pub use request::{
    AttachOptions, Created, LogOptions, RemoveOptions, StopOptions, StopTimeout, WaitCondition, WaitResult,
};

use crate::error::{Error, Result};
use crate::log::LogStream;
use crate::record::Record;
use crate::spec::ContainerSpec;
use command::{Command, Reply};
use index::{Entry, Index};
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::oneshot;

/// The containers of this engine. Cheap to clone.
///
/// A `reference` is an id, a name, or the beginning of exactly one id.
#[derive(Clone)]
pub struct Containers {
    index: Arc<RwLock<Index>>,
}

impl Containers {
    /// Makes a container; no process yet.
    ///
    /// # Errors
    /// If the spec is invalid, the image is missing or the name taken; nothing is left behind.
    pub async fn create(&self, spec: ContainerSpec) -> Result<Created> {
        Err(Error::NoSuchContainer(spec.image))
    }

    /// Starts the process.
    ///
    /// # Errors
    /// [`Error::AlreadyRunning`] if it runs; [`Error::Start`] if the process cannot be made, which leaves nothing.
    pub async fn start(&self, reference: &str) -> Result<()> {
        self.call(reference, |reply| Command::Start { reply }).await
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
        let _ = signal;
        self.call(reference, |reply| Command::Kill { signal: 9, reply }).await
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
        let name = name.to_owned();
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

    /// Its log.
    ///
    /// # Errors
    /// [`Error::LogsUnreadable`] if its driver keeps none.
    pub async fn logs(&self, reference: &str, options: LogOptions) -> Result<LogStream> {
        let _ = (self.entry(reference)?, options);
        Err(Error::LogsUnreadable)
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
        let _ = (self.entry(reference)?, condition);
        Ok(async { WaitResult::default() })
    }

    /// The newest snapshots of all containers, newest container first. Never waits for a container.
    pub fn list(&self) -> Vec<Arc<Record>> {
        let mut records = self.read().snapshots();
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

    /// Where the files of a container lie.
    pub fn paths(&self, id: &str) -> Paths {
        Paths::new(&PathBuf::new(), id)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, reference: &str) -> Result<Entry> {
        self.read().find(reference).cloned()
    }

    async fn call<T>(&self, reference: &str, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let entry = self.entry(reference)?;
        let (reply, answer) = oneshot::channel();
        let gone = || Error::NoSuchContainer(reference.to_owned());
        entry.commands.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Where the files of one container lie that its processes or clients get to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The directory of the others, `<data-root>/containers/<id>`.
    pub dir: PathBuf,
    /// The current log file.
    pub log: PathBuf,
    /// `/etc/hosts`
    pub hosts: PathBuf,
    /// `/etc/hostname`
    pub hostname: PathBuf,
    /// `/etc/resolv.conf`
    pub resolv_conf: PathBuf,
}

impl Paths {
    /// The files of container `id` beneath `containers`.
    pub(crate) fn new(containers: &std::path::Path, id: &str) -> Paths {
        let dir = containers.join(id);
        Paths {
            log: dir.join(format!("{id}-json.log")),
            hosts: dir.join("hosts"),
            hostname: dir.join("hostname"),
            resolv_conf: dir.join("resolv.conf"),
            dir,
        }
    }
}
