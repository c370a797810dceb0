//! Lack of memory, told when it happens and not only at the end: a container may live on when one of its processes was ended.

use super::task::{Phase, Task};
use crate::cgroup::cgroup_path;
use crate::record::Record;
use crate::shared::Shared;
use runtime::cgroup::{Cgroup, OomAlarm};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Rings when the kernel has ended a process of a container for lack of memory.
#[derive(Debug)]
pub(super) struct Alarm {
    ready: AsyncFd<Wire>,
    cgroup: Cgroup,
    /// How many ends have been told.
    told: u64,
}

#[derive(Debug)]
struct Wire(OomAlarm);

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// For containers with a limit of their own; others, and those for which the kernel has no wire left, are told of at
    /// their end.
    pub(super) fn arm(shared: &Shared, record: &Record) -> Option<Alarm> {
        if record.spec.host.resources.memory == 0 {
            return None;
        }
        let cgroup = shared.cgroups.cgroup(&cgroup_path(&shared.config, record)).ok()?;
        let armed = cgroup.watch_oom().map_err(|error| error.to_string());
        match armed.and_then(|wire| watch(wire).map_err(|error| error.to_string())) {
            Ok(ready) => {
                let told = if record.state.oom_killed { cgroup.oom_kills() } else { 0 };
                Some(Alarm { ready, cgroup, told })
            }
            Err(error) => {
                tracing::debug!(container = record.short_id(), %error, "lack of memory is told at the end only");
                None
            }
        }
    }

    /// Returns when there may be something to tell. May be dropped and called again.
    pub(super) async fn rings(&mut self) {
        match self.ready.readable().await {
            Ok(mut ready) => {
                ready.get_inner().0.clear();
                ready.clear_ready();
            }
            // The runtime ends, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, which this room is not: the wire owns its descriptor and never changes it"
)]
fn watch(wire: OomAlarm) -> io::Result<AsyncFd<Wire>> {
    AsyncFd::with_interest(Wire(wire), Interest::READABLE)
}

impl Task {
    /// The alarm rang, which it also does for nothing.
    pub(super) fn out_of_memory(&mut self) {
        let Phase::Running(running) = &mut self.phase else { return };
        let Some(alarm) = &mut running.alarm else { return };
        let kills = alarm.cgroup.oom_kills();
        if kills > alarm.told {
            alarm.told = kills;
            self.record.state.oom_killed = true;
            drop(self.save());
            self.shared.publish(&self.record, "oom", &[]);
        }
    }

    /// A limit may have come with an update.
    pub(super) fn rearm(&mut self) {
        if let Phase::Running(running) = &mut self.phase
            && running.alarm.is_none()
        {
            running.alarm = Alarm::arm(&self.shared, &self.record);
        }
    }
}
