//! Applying a schedule to a process.

use crate::plan::Schedule;
use crate::sys::schedule::{set_io_priority, set_scheduler};
use crate::{Error, Result};

impl Schedule {
    /// Applies it to the process `pid`; 0: this one. From outside, since a container's user is not allowed to.
    pub(crate) fn apply(&self, pid: i32) -> Result<()> {
        if let Some(attributes) = self.scheduler {
            set_scheduler(pid, attributes).map_err(Error::host("set the scheduler"))?;
        }
        if let Some(priority) = self.io_priority {
            set_io_priority(pid, priority).map_err(Error::host("set the priority of input and output"))?;
        }
        Ok(())
    }
}
