//! Starting: by a user, by the restart policy, after a restart's stop.

use super::checkpoint::Origin;
use super::oom::Alarm;
use super::task::{Phase, Running, Task};
use super::{launch, networks};
use crate::error::{Error, Result};
use crate::health;
use crate::record::Status;
use crate::restart::{self, Ended};
use crate::volume;
use runtime::MemoryFile;
use std::time::Duration;
use tokio::time::Instant;

impl Task {
    /// A user's start: forgets what the restart policy counted.
    pub(super) async fn start_by_user(
        &mut self,
        origin: Option<Origin>,
        files: Vec<MemoryFile>,
    ) -> Result<()> {
        match self.phase {
            Phase::Running(_) if self.record.state.status == Status::Paused => {
                return Err(Error::StartPaused);
            }
            Phase::Running(_) => return Err(Error::AlreadyRunning(self.record.id.clone())),
            Phase::Removed => return Err(Error::Removing(self.record.id.clone())),
            Phase::Idle | Phase::Waiting { .. } => {}
        }
        self.record.restart_count = 0;
        self.record.manually_stopped = false;
        self.record.starts_again = false;
        self.waited = None;
        let started = self.start(origin, files).await;
        if started.is_err() {
            self.phase = Phase::Idle;
            if self.record.spec.host.auto_remove {
                self.remove_and_log().await;
            }
        }
        started
    }

    /// The restart policy's delay is over.
    pub(super) async fn restart_due(&mut self) {
        // Without a wait before, it is the daemon that starts anew, and counting does too.
        if self.waited.is_some() {
            self.record.restart_count += 1;
        }
        if let Err(error) = self.start(None, Vec::new()).await {
            tracing::warn!(container = self.record.short_id(), %error, "restart policy cannot start the container");
            // A start that fails counts as a run that failed at once, so that it backs off and comes to its end.
            let code = self.record.state.exit_code;
            if !self.restart_later(code, Duration::ZERO) {
                self.phase = Phase::Idle;
                self.record.state.status = Status::Exited;
            }
            drop(self.save());
        }
    }

    /// Arms the restart policy after the end of a run; false if it does not want another.
    pub(super) fn restart_later(&mut self, exit_code: i32, ran: Duration) -> bool {
        let ended = Ended {
            exit_code,
            manually_stopped: self.record.manually_stopped,
            restarts: self.record.restart_count,
            ran,
        };
        if !restart::after_exit(&self.record.spec.host.restart_policy, &ended) {
            return false;
        }
        let delay = restart::delay(self.waited, ended.ran);
        self.waited = Some(delay);
        self.phase = Phase::Waiting { due: Instant::now() + delay };
        self.record.state.status = Status::Restarting;
        true
    }

    /// Makes it run, its program or what a checkpoint holds, or records why it does not.
    pub(super) async fn start(&mut self, origin: Option<Origin>, files: Vec<MemoryFile>) -> Result<()> {
        if self.record.spec.host.memory_files && files.is_empty() {
            return Err(Error::WithoutFiles(self.record.id.clone()));
        }
        // The last run's shim removes the cgroup that this run will use.
        if let Some(mut ending) = self.ending.take() {
            ending.gone().await;
        }
        // Nor may anybody write to the layer behind the container's back.
        let _files = self.files.clone().lock_owned().await;
        let shared = self.shared.clone();
        match launch::launch(&shared, &self.record, (origin.as_ref(), files), &mut self.pending).await {
            Ok(mut launched) => {
                let state = &mut self.record.state;
                state.status = Status::Running;
                state.pid = launched.pid;
                state.exit_code = 0;
                state.error.clear();
                state.oom_killed = false;
                state.started_ns = launched.started_ns;
                let is_probed = health::plan(&self.record.spec).is_ok_and(|plan| plan.is_some());
                state.health = is_probed.then(Default::default);
                self.record.endpoints = launched.endpoints;
                self.record.spec.networks = launched.networks;
                let (link, child) = (launched.link, Some(Box::new(launched.child)));
                let alarm = Alarm::arm(&shared, &self.record);
                self.phase =
                    Phase::Running(Running { link, child, since: Instant::now(), stopping: None, alarm });
                drop(self.save());
                launched.sources.settle();
                volume::tell_mounted(&shared, &self.record, true);
                networks::tell(&shared, &self.record, "connect");
                shared.publish(&self.record, "start", &[]);
                self.tell_linking();
                if is_probed {
                    health::watch(&shared, &self.record.id, launched.started_ns);
                }
                Ok(())
            }
            Err(error) => {
                let state = &mut self.record.state;
                state.exit_code = launch::exit_code(&error);
                state.error = error.to_string();
                state.pid = 0;
                self.record.failed_starts += 1;
                // Clients that waited for this start have nothing to wait for.
                self.pending.clear();
                drop(self.save());
                Err(error)
            }
        }
    }
}
