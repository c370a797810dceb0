//! The task that owns one container.
//!
//! ```text
//!   Idle ──start──▶ Running ──exit──▶ Idle ──remove──▶ (end)
//!     ▲                │  ▲
//!     │          policy│  │due, or start
//!     └──stop── Waiting◀──┘
//! ```
//!
//! It handles one event at a time: a request, the end of the process, or a timer. Nothing else changes the record.

use super::attachment::Pending;
use super::command::{Command, Reply};
use super::index::Entry;
use super::oom::Alarm;
use super::request::{AttachOptions, StopOptions};
use crate::health;
use crate::link::Link;
use crate::record::{ExitStatus, Record};
use crate::shared::Shared;
use crate::store::Written;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// How many requests wait for one container before their senders do.
const COMMAND_QUEUE: usize = 16;

/// The owner of one container.
pub(super) struct Task {
    pub(super) shared: Arc<Shared>,
    pub(super) record: Record,
    pub(super) phase: Phase,
    /// Clients that attached before the process exists.
    pub(super) pending: Vec<(AttachOptions, Pending)>,
    /// The wait before the present run, if the restart policy started it.
    pub(super) waited: Option<Duration>,
    /// The shim of the last run, until it is gone.
    pub(super) ending: Option<Ending>,
    /// See [`Entry::files`].
    pub(super) files: Arc<tokio::sync::Mutex<()>>,
    snapshots: watch::Sender<Arc<Record>>,
    commands: mpsc::Receiver<Command>,
}

/// What the container's process is doing.
pub(super) enum Phase {
    /// There is none.
    Idle,
    /// It lives.
    Running(Running),
    /// There will be one again, by the restart policy.
    Waiting { due: Instant },
    /// The container is gone.
    Removed,
}

/// A live process.
pub(super) struct Running {
    /// Waits for the exit.
    pub(super) link: Link,
    /// The shim, if this daemon started it.
    pub(super) child: Option<Box<Child>>,
    pub(super) since: Instant,
    pub(super) stopping: Option<Stopping>,
    pub(super) alarm: Option<Alarm>,
}

/// A stop under way.
pub(super) struct Stopping {
    /// When patience ends; `None` for never.
    pub(super) deadline: Option<Instant>,
    pub(super) killed: bool,
    pub(super) then: Vec<Then>,
}

/// What follows the end of the process, and who is told.
pub(super) enum Then {
    Stopped(Reply),
    Start(Reply),
    /// Whether its own volumes go too.
    Remove(Reply, bool),
}

/// A shim whose container has ended.
pub(super) struct Ending {
    pub(super) link: Option<Link>,
    pub(super) child: Option<Box<Child>>,
    /// The record with the exit status, on its way to the disk; the exit file stays until then.
    pub(super) written: Option<Written>,
}

/// What a recovering engine found of a container.
pub(crate) enum Adopted {
    /// Nothing lives.
    No,
    /// Its process lives, and this link waits for its exit.
    Live(Link),
    /// Nothing lives, and its restart policy wants it to.
    Restart,
    /// Nothing lives, and it was to be removed with its end.
    Remove,
}

enum Event {
    Command(Command),
    /// Every handle is gone: the engine ends.
    Closed,
    Exited(Option<ExitStatus>),
    StopDue,
    RestartDue,
    ShimGone,
    OutOfMemory,
}

/// Starts the task of a container and makes it known.
pub(crate) fn spawn(shared: &Arc<Shared>, record: Record, adopted: Adopted) {
    let (sender, commands) = mpsc::channel(COMMAND_QUEUE);
    let (snapshots, reader) = watch::channel(Arc::new(record.clone()));
    let files = Arc::<tokio::sync::Mutex<()>>::default();
    let entry = Entry { commands: sender, snapshots: reader, files: files.clone() };
    shared.index_mut().insert(record.id.clone(), entry);
    let (phase, remove) = match adopted {
        Adopted::No => (Phase::Idle, false),
        Adopted::Live(link) => {
            let alarm = Alarm::arm(shared, &record);
            if record.state.health.is_some() {
                health::watch(shared, &record.id, record.state.started_ns);
            }
            (
                Phase::Running(Running { link, child: None, since: Instant::now(), stopping: None, alarm }),
                false,
            )
        }
        Adopted::Restart => (Phase::Waiting { due: Instant::now() }, false),
        Adopted::Remove => (Phase::Idle, true),
    };
    let pending = Vec::new();
    let (waited, ending) = (None, None);
    let shared = shared.clone();
    let task = Task { shared, record, phase, pending, waited, ending, files, snapshots, commands };
    tokio::spawn(task.run(remove));
}

impl Task {
    async fn run(mut self, remove: bool) {
        if remove {
            self.remove_and_log().await;
        }
        if self.record.starts_again {
            // Whoever asked has gone with the daemon that was asked; how the restart went is in the record.
            let (reply, _) = oneshot::channel();
            self.stop(&StopOptions::default(), Then::Start(reply)).await;
        }
        while !matches!(self.phase, Phase::Removed) {
            match self.next_event().await {
                Event::Closed => break,
                event => Box::pin(self.handle(event)).await,
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        let Task { phase, ending, commands, .. } = self;
        let (link, alarm, deadline, due) = match phase {
            Phase::Running(running) => {
                let deadline = running.stopping.as_ref().and_then(|stopping| stopping.deadline);
                (Some(&mut running.link), running.alarm.as_mut(), deadline, None)
            }
            Phase::Waiting { due } => (None, None, None, Some(*due)),
            Phase::Idle | Phase::Removed => (None, None, None, None),
        };
        tokio::select! {
            // An exit is told before any request is answered, so that nobody hears of a process that is gone.
            biased;
            status = async { match link { Some(link) => link.exited().await, None => std::future::pending().await } } => {
                Event::Exited(status)
            }
            () = async { match alarm { Some(alarm) => alarm.rings().await, None => std::future::pending().await } } => {
                Event::OutOfMemory
            }
            command = commands.recv() => command.map_or(Event::Closed, Event::Command),
            () = at(deadline) => Event::StopDue,
            () = at(due) => Event::RestartDue,
            () = async { match ending { Some(ending) => ending.finished().await, None => std::future::pending().await } } => {
                Event::ShimGone
            }
        }
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Command(command) => self.handle_command(command).await,
            Event::Exited(status) => self.exited(status).await,
            Event::StopDue => self.stop_due().await,
            Event::RestartDue => self.restart_due().await,
            Event::ShimGone => self.forget_run().await,
            Event::OutOfMemory => self.out_of_memory(),
            Event::Closed => {}
        }
    }

    async fn handle_command(&mut self, command: Command) {
        // Whoever asked may have gone away meanwhile: an answer that cannot be given is dropped.
        match command {
            Command::Start { origin, files, reply } => {
                drop(reply.send(self.start_by_user(origin, files).await));
            }
            Command::Stop { options, reply } => self.stop(&options, Then::Stopped(reply)).await,
            Command::Restart { options, reply } => self.stop(&options, Then::Start(reply)).await,
            Command::Kill { signal, reply } => drop(reply.send(self.kill(signal).await)),
            Command::Pause { reply } => drop(reply.send(self.pause().await)),
            Command::Unpause { reply } => drop(reply.send(self.unpause().await)),
            Command::Update { update, reply } => drop(reply.send(self.update(*update).await)),
            Command::Remove { options, reply } => self.remove_by_user(options, reply).await,
            Command::Relink => self.relink(),
            Command::Unlink { alias, reply } => drop(reply.send(self.unlink(&alias).await)),
            Command::Rename { name, reply } => drop(reply.send(self.rename(name).await)),
            Command::Connect { network, wanted, reply } => {
                drop(reply.send(self.connect(*network, *wanted).await));
            }
            Command::Disconnect { name, network, reply } => {
                drop(reply.send(self.disconnect(&name, network.map(|network| *network)).await));
            }
            Command::Health(news) => self.health(news).await,
            Command::Resize { rows, cols, reply } => drop(reply.send(self.resize(rows, cols).await)),
            Command::Attach { options, reply } => drop(reply.send(self.attach(options).await)),
        }
    }

    /// Makes the record as it is now visible to everybody.
    pub(super) fn publish(&self) {
        self.snapshots.send_replace(Arc::new(self.record.clone()));
    }

    /// Publishes, and writes the record soon.
    pub(super) fn save(&self) -> Option<Written> {
        self.publish();
        self.shared
            .store
            .put_soon(&self.record)
            .inspect_err(
                |error| tracing::error!(container = self.record.short_id(), %error, "record is not written"),
            )
            .ok()
    }

    /// Publishes, and waits until the record is on the disk.
    pub(super) async fn save_now(&self) -> crate::Result<()> {
        self.publish();
        self.shared.store.put(&self.record).await
    }

    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Record>> {
        self.snapshots.subscribe()
    }
}

impl Ending {
    /// Returns when the shim is gone and the record is written.
    async fn finished(&mut self) {
        self.gone().await;
        if let Some(written) = self.written.as_mut() {
            // An error has been logged by the writer; the exit file is then of no more use either.
            let _ = written.await;
            self.written = None;
        }
    }

    /// Returns when the shim is gone. May be dropped and called again.
    pub(super) async fn gone(&mut self) {
        if let Some(link) = self.link.as_mut() {
            link.closed().await;
            self.link = None;
        }
        if let Some(child) = self.child.as_mut() {
            // It is reaped later if it does not go; `closed` has waited long enough.
            let _ = tokio::time::timeout(REAP_LIMIT, child.wait()).await;
            self.child = None;
        }
    }
}

/// How long to wait for a shim that has closed its socket to end.
const REAP_LIMIT: Duration = Duration::from_secs(1);

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
