//! The end of a run: what is recorded, who is told, what comes next.

use super::checkpoint::sweep;
use super::launch::remove_dir;
use super::networks;
use super::task::{Ending, Phase, Running, Task, Then};
use crate::cgroup::cgroup_path;
use crate::error::{Error, Result};
use crate::link;
use crate::record::{ExitStatus, Status};
use crate::shared::{Shared, now_ns};
use crate::volume;
use shim::HealthStatus;
use std::path::Path;
use std::sync::Arc;

/// What is told of a container whose shim died: as if by SIGKILL, which it was.
pub(crate) const EXIT_KILLED: i32 = 137;

impl Task {
    /// The process has ended, or its shim has gone without telling.
    pub(super) async fn exited(&mut self, told: Option<ExitStatus>) {
        let Phase::Running(running) = std::mem::replace(&mut self.phase, Phase::Idle) else { return };
        let Running { link, child, since, stopping, alarm: _ } = running;
        let status = match told {
            Some(status) => status,
            None => settle(&self.shared, &self.record).await,
        };
        // Address and ports are free before anybody hears of the end and starts the next container.
        self.leave_network().await;

        let state = &mut self.record.state;
        state.status = Status::Exited;
        state.pid = 0;
        state.exit_code = status.code;
        let is_news = status.oom_killed && !state.oom_killed;
        state.oom_killed |= status.oom_killed;
        state.finished_ns = status.at_ns;
        if let Some(health) = &mut state.health {
            // As Docker: what does not run is not well.
            health.status = HealthStatus::Unhealthy;
        }
        self.record.exits += 1;
        // What goes on elsewhere, or later, must not begin again here by itself.
        self.record.manually_stopped |= status.checkpointed;
        let ran = since.elapsed();
        let restarts = stopping.is_none() && self.restart_later(status.code, ran);
        let mut ending = Ending { link: Some(link), child, written: None };
        if self.record.spec.host.auto_remove {
            // The record goes anyway.
            self.publish();
        } else {
            ending.written = self.save();
        }
        self.ending = Some(ending);

        if is_news {
            self.shared.publish(&self.record, "oom", &[]);
        }
        let (code, seconds) = (status.code.to_string(), ran.as_secs().to_string());
        self.shared.publish(&self.record, "die", &[("exitCode", &code), ("execDuration", &seconds)]);
        volume::tell_mounted(&self.shared, &self.record, false);
        let mut thens = stopping.map(|stopping| stopping.then).unwrap_or_default();
        if thens.iter().any(|then| matches!(then, Then::Remove(..))) {
            // Whoever removes it has the last word: what would start it again comes after that, and finds nothing.
            thens.sort_by_key(|then| matches!(then, Then::Start(_)));
        }
        for then in thens {
            self.follow(then).await;
        }
        if self.record.spec.host.auto_remove && !restarts && matches!(self.phase, Phase::Idle) {
            self.remove_and_log().await;
        }
    }

    /// What somebody wanted the stop for.
    async fn follow(&mut self, then: Then) {
        // Whoever asked may have gone away meanwhile.
        match then {
            Then::Stopped(reply) => {
                // Who is told that it has stopped finds it so after a power cut too.
                if let Some(written) = self.ending.as_mut().and_then(|ending| ending.written.take()) {
                    // An error has been logged by the writer.
                    let _ = written.await;
                }
                self.shared.publish(&self.record, "stop", &[]);
                drop(reply.send(Ok(())));
            }
            Then::Start(reply) if matches!(self.phase, Phase::Removed) => {
                drop(reply.send(Err(Error::NoSuchContainer(self.record.id.clone()))));
            }
            Then::Start(reply) => {
                self.shared.publish(&self.record, "stop", &[]);
                let answer = match self.phase {
                    Phase::Running(_) => Ok(()),
                    _ => self.start_by_user(None, Vec::new()).await,
                };
                if answer.is_ok() {
                    self.shared.publish(&self.record, "restart", &[]);
                }
                drop(reply.send(answer));
            }
            Then::Remove(reply, volumes) => {
                let answer = match self.phase {
                    Phase::Removed => Ok(()),
                    _ => self.remove(volumes).await,
                };
                drop(reply.send(answer));
            }
        }
    }

    async fn leave_network(&mut self) {
        if !self.record.endpoints.is_empty()
            && let Err(error) = self.shared.network.detach(&self.record.id).await
        {
            tracing::warn!(container = self.record.short_id(), %error, "network is not given back");
        }
        networks::tell(&self.shared, &self.record, "disconnect");
        self.record.endpoints.clear();
    }

    /// The shim is gone and the end is on the disk: its directory tells nothing new any more.
    pub(super) async fn forget_run(&mut self) {
        self.ending = None;
        let dir = self.shared.exec_dir(&self.record.id);
        let paths = self.shared.paths(&self.record.id);
        let removed = tokio::task::spawn_blocking(move || {
            sweep(&paths).map_err(Error::io("remove drafts of checkpoints in", &paths.dir))?;
            remove_dir(&dir)
        });
        let removed = removed.await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(container = self.record.short_id(), %error, "directory of an ended run stays");
        }
    }
}

/// How a run ended whose shim says nothing: by its exit file, else the shim died and took the container with it.
async fn settle(shared: &Arc<Shared>, record: &crate::Record) -> ExitStatus {
    let (dir, cgroups) = (shared.exec_dir(&record.id), shared.cgroups.clone());
    let path = cgroup_path(&shared.config, record);
    let settled = tokio::task::spawn_blocking(move || match link::read_exit_file(&dir) {
        Some(status) => Ok(status),
        None => sweep_cgroup(&cgroups, &path).map(|()| killed_now()),
    });
    match settled.await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            tracing::error!(container = record.short_id(), %error, "processes of a dead shim cannot be ended");
            killed_now()
        }
        Err(_) => killed_now(),
    }
}

/// Kills what a dead shim left behind.
pub(crate) fn sweep_cgroup(cgroups: &runtime::cgroup::Layout, path: &Path) -> Result<()> {
    let failed = |error: runtime::Error| Error::Cgroup { path: path.to_owned(), reason: error.to_string() };
    let cgroup = cgroups.cgroup(path).map_err(failed)?;
    fault::point("sweep: kill cgroup");
    cgroup.kill().map_err(failed)?;
    fault::point("sweep: remove cgroup");
    cgroup.remove().map_err(failed)
}

/// The status of a container whose shim died, as of now.
pub(crate) fn killed_now() -> ExitStatus {
    ExitStatus { code: EXIT_KILLED, oom_killed: false, checkpointed: false, at_ns: now_ns() }
}
