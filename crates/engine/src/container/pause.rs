//! Pausing: every process of the container stops where it is, and goes on later as if nothing had been.
//!
//! The kernel's freezer is the truth: a daemon that dies here and recovers reads it there.

use super::task::{Phase, Task};
use crate::cgroup::cgroup_path;
use crate::error::{Error, Result};
use crate::record::{Record, Status};
use runtime::cgroup::Cgroup;

const SIGKILL: i32 = 9;

impl Task {
    /// Stops the processes where they are.
    pub(super) async fn pause(&mut self) -> Result<()> {
        let id = || self.record.id.clone();
        match (&self.phase, self.record.state.status) {
            (Phase::Running(_), Status::Paused) => return Err(Error::AlreadyPaused(id())),
            (Phase::Running(_), _) => {}
            (Phase::Waiting { .. }, _) => return Err(Error::RestartingNow(id())),
            (Phase::Idle | Phase::Removed, _) => return Err(Error::NotRunning(id())),
        }
        self.on_cgroup("freeze", Cgroup::freeze).await?;
        self.record.state.status = Status::Paused;
        drop(self.save());
        self.shared.publish(&self.record, "pause", &[]);
        Ok(())
    }

    /// Lets them go on.
    pub(super) async fn unpause(&mut self) -> Result<()> {
        if self.record.state.status != Status::Paused {
            return Err(Error::NotPaused(self.record.id.clone()));
        }
        self.on_cgroup("thaw", Cgroup::thaw).await?;
        self.record.state.status = Status::Running;
        drop(self.save());
        self.shared.publish(&self.record, "unpause", &[]);
        Ok(())
    }

    /// A signal that is to end a paused container has to be followed by its thaw: a frozen process notices nothing.
    pub(super) async fn wake_for(&mut self, signal: i32) {
        if self.record.state.status == Status::Paused
            && wakes(&self.record, signal, self.stop_signal())
            && let Err(error) = self.unpause().await
        {
            tracing::warn!(container = self.record.short_id(), %error, "container stays paused after a signal");
        }
    }

    /// Does something to the container's cgroup, which may block for some seconds.
    pub(super) async fn on_cgroup(
        &self,
        point: &'static str,
        act: impl FnOnce(&Cgroup) -> runtime::Result<()> + Send + 'static,
    ) -> Result<()> {
        let path = cgroup_path(&self.shared.config, &self.record);
        let failed = |error: runtime::Error| Error::Cgroup { path: path.clone(), reason: error.to_string() };
        let cgroup = self.shared.cgroups.cgroup(&path).map_err(failed)?;
        let done = tokio::task::spawn_blocking(move || {
            fault::point(point);
            act(&cgroup)
        });
        done.await.map_err(|_| Error::ShuttingDown)?.map_err(|error| match error {
            runtime::Error::NoLimit(file) => Error::NoLimit(file),
            runtime::Error::Invalid(reason) => crate::spec::Invalid::Limit(reason).into(),
            error => failed(error),
        })
    }
}

/// Docker's rule: SIGKILL and the stop signal wake, and so does any other where no stop signal was named.
fn wakes(record: &Record, signal: i32, stop_signal: i32) -> bool {
    signal == SIGKILL || signal == stop_signal || record.spec.config.stop_signal.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_rule_of_which_signals_wake() {
        let mut record = Record::default();
        assert!(wakes(&record, 1, 15));
        record.spec.config.stop_signal = Some("SIGTERM".into());
        assert!(!wakes(&record, 1, 15));
        assert!(wakes(&record, 15, 15) && wakes(&record, SIGKILL, 15));
    }
}
