//! Signals: kill, and stop with its patience.

use super::request::{StopOptions, StopTimeout};
use super::task::{Phase, Running, Stopping, Task, Then};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::plan;
use crate::record::{Record, Status};
use crate::spec::RestartCondition;
use shim::{Request, Response};
use std::time::Duration;
use tokio::time::Instant;

const SIGKILL: i32 = 9;
/// From the stop signal to SIGKILL, unless somebody says otherwise; Docker's.
const DEFAULT_TIMEOUT: StopTimeout = StopTimeout::After(Duration::from_secs(10));
/// How long a process may outlive SIGKILL before the caller is told.
const KILL_LIMIT: Duration = Duration::from_secs(10);

impl Task {
    /// Begins a stop, or joins the one under way; `then` follows when the process has ended.
    pub(super) async fn stop(&mut self, options: &StopOptions, then: Then) {
        let starts_again = matches!(then, Then::Start(_));
        match self.begin_stop(options, starts_again).await {
            Ok(true) => {
                if let Phase::Running(Running { stopping: Some(stopping), .. }) = &mut self.phase {
                    stopping.then.push(then);
                }
            }
            Ok(false) => self.not_running(then).await,
            Err(error) => then.refuse(error),
        }
    }

    /// Sends the stop signal. False if there is no process to send it to.
    async fn begin_stop(&mut self, options: &StopOptions, starts_again: bool) -> Result<bool> {
        let signal = match &options.signal {
            Some(text) => crate::signal::parse(text)?,
            None => self.stop_signal(),
        };
        if !matches!(self.phase, Phase::Running(_)) {
            return Ok(false);
        }
        self.stopped_by_user(starts_again).await?;
        let configured = self.record.spec.config.stop_timeout.map(StopTimeout::from_seconds);
        let patience = match options.timeout.or(configured).unwrap_or(DEFAULT_TIMEOUT) {
            StopTimeout::After(patience) => Some(patience),
            StopTimeout::Never => None,
        };
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        if let Phase::Running(running) = &mut self.phase {
            match &mut running.stopping {
                // Whoever is less patient decides.
                Some(stopping) if !stopping.killed => {
                    stopping.deadline = [stopping.deadline, deadline].into_iter().flatten().min();
                }
                Some(_) => return Ok(true),
                None => running.stopping = Some(Stopping { deadline, killed: false, then: Vec::new() }),
            }
        }
        if self.send_signal(signal).await.is_err() {
            // Without its shim's help only the deadline is left.
            tracing::warn!(container = self.record.short_id(), signal, "stop signal cannot be sent");
        }
        Ok(true)
    }

    /// Patience is over: SIGKILL; and if that was sent before, the callers are told that it is stuck.
    pub(super) async fn stop_due(&mut self) {
        let Phase::Running(Running { stopping: Some(stopping), .. }) = &mut self.phase else { return };
        if stopping.killed {
            stopping.deadline = None;
            self.record.starts_again = false;
            for then in std::mem::take(&mut stopping.then) {
                then.refuse(Error::Stuck(self.record.id.clone()));
            }
            return;
        }
        self.kill_for_stop().await;
    }

    async fn kill_for_stop(&mut self) {
        if let Phase::Running(Running { stopping: Some(stopping), .. }) = &mut self.phase {
            stopping.killed = true;
        }
        if let Err(error) = self.send_signal(SIGKILL).await {
            tracing::warn!(container = self.record.short_id(), %error, "SIGKILL cannot be sent");
        }
        // From now on: sending may have taken as long as a silent shim is waited for.
        if let Phase::Running(Running { stopping: Some(stopping), .. }) = &mut self.phase {
            stopping.deadline = Some(Instant::now() + KILL_LIMIT);
        }
    }

    /// Ends the process at once, for a removal by force.
    pub(super) async fn kill_then(&mut self, then: Then) {
        if let Err(error) = self.stopped_by_user(false).await {
            return then.refuse(error);
        }
        if let Phase::Running(running) = &mut self.phase {
            let stopping =
                running.stopping.get_or_insert(Stopping { deadline: None, killed: false, then: Vec::new() });
            stopping.then.push(then);
            self.kill_for_stop().await;
        }
    }

    /// A user's signal. One that is meant to end the process also holds back the restart policy.
    pub(super) async fn kill(&mut self, signal: i32) -> Result<()> {
        let ends = signal == SIGKILL || signal == self.stop_signal();
        if ends && self.call_off_restart().await? {
            return Ok(());
        }
        if !matches!(self.phase, Phase::Running(_)) {
            return Err(Error::KillNotRunning { name: self.record.name.clone(), id: self.record.id.clone() });
        }
        if ends {
            self.stopped_by_user(false).await?;
        }
        self.send_signal(signal).await
    }

    async fn send_signal(&mut self, signal: i32) -> Result<()> {
        let request = Request::Signal { signal, all: false };
        fault::point("stop: send signal");
        match self.ask_shim(&request).await {
            // The container goes with its shim, and its end is told as that of a shim that died.
            Err(Error::ShimSilent(_)) if signal == SIGKILL && self.kill_shim() => {
                tracing::warn!(container = self.record.short_id(), "shim does not answer and is killed");
            }
            answer => answer?,
        }
        self.shared.publish(&self.record, "kill", &[("signal", &signal.to_string())]);
        self.wake_for(signal).await;
        Ok(())
    }

    /// False if it has gone.
    fn kill_shim(&self) -> bool {
        matches!(&self.phase, Phase::Running(running) if running.link.kill_shim())
    }

    pub(super) async fn resize(&mut self, rows: u16, cols: u16) -> Result<()> {
        if !matches!(self.phase, Phase::Running(_)) {
            return Err(Error::NotRunning(self.record.id.clone()));
        }
        self.ask_shim(&Request::Resize { rows, cols }).await?;
        let (height, width) = (rows.to_string(), cols.to_string());
        self.shared.publish(&self.record, "resize", &[("height", &height), ("width", &width)]);
        Ok(())
    }

    async fn ask_shim(&self, request: &Request) -> Result<()> {
        let id = self.record.id.as_str();
        let mut link = Link::connect(id, &self.shared.exec_dir(id)).await?;
        match link.ask_briefly(id, request).await? {
            Response::Ok => Ok(()),
            Response::Error { kind: shim::ErrorKind::Conflict, .. } => Err(Error::NotRunning(id.to_owned())),
            Response::Error { message, .. } => Err(Error::Shim { id: id.to_owned(), reason: message }),
            other => Err(Error::Shim {
                id: id.to_owned(),
                reason: format!("it answers {request:?} with {other:?}"),
            }),
        }
    }

    /// There is nothing to stop: a restart that is due is called off, what follows a stop follows at once.
    async fn not_running(&mut self, then: Then) {
        let waiting = match self.call_off_restart().await {
            Ok(waiting) => waiting,
            Err(error) => return then.refuse(error),
        };
        match then {
            // Whoever asked may have gone away meanwhile.
            Then::Stopped(reply) if waiting => drop(reply.send(Ok(()))),
            Then::Stopped(reply) => drop(reply.send(Err(Error::AlreadyStopped(self.record.id.clone())))),
            Then::Start(reply) => {
                let answer = self.start_by_user(None, Vec::new()).await;
                if answer.is_ok() {
                    self.shared.publish(&self.record, "restart", &[]);
                }
                drop(reply.send(answer));
            }
            Then::Remove(reply, volumes) => drop(reply.send(self.remove(volumes).await)),
        }
    }

    /// A user wants it to end that is only waiting to be started again: it will not be. False if it was not waiting.
    async fn call_off_restart(&mut self) -> Result<bool> {
        if !matches!(self.phase, Phase::Waiting { .. }) {
            return Ok(false);
        }
        self.phase = Phase::Idle;
        self.record.state.status = Status::Exited;
        self.stopped_by_user(false).await?;
        self.publish();
        Ok(true)
    }

    /// Remembers that a user wants it stopped, and whether to start again. Where a successor of this daemon would do
    /// something else without knowing, it is on the disk first.
    async fn stopped_by_user(&mut self, starts_again: bool) -> Result<()> {
        if self.record.manually_stopped && (self.record.starts_again || !starts_again) {
            return Ok(());
        }
        self.record.manually_stopped = true;
        self.record.starts_again |= starts_again;
        if self.record.spec.host.restart_policy.name == RestartCondition::No && !starts_again {
            Ok(())
        } else {
            self.save_now().await
        }
    }

    pub(super) fn stop_signal(&self) -> i32 {
        stop_signal(&self.record)
    }
}

fn stop_signal(record: &Record) -> i32 {
    let text = record.spec.config.stop_signal.as_deref().unwrap_or_default();
    crate::signal::parse(text).unwrap_or(plan::DEFAULT_STOP_SIGNAL)
}

impl Then {
    /// Tells whoever waits that it comes to nothing.
    fn refuse(self, error: Error) {
        let (Then::Stopped(reply) | Then::Start(reply) | Then::Remove(reply, _)) = self;
        // Whoever asked may have gone away meanwhile.
        drop(reply.send(Err(error)));
    }
}
