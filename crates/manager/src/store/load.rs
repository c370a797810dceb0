//! What the tasks on a node take of it, kept up with each change so that placing one task need not read all the others.

use swarm_api::pb;

use crate::task::{is_live, reserved};

/// What the tasks on a node take that are not over, summed up. What a task has for itself alone (ports, devices) is not here: it is read of those
/// tasks that have any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// How many there are: with the last of them the load is gone.
    present: usize,
    /// Tasks that run or may come to.
    pub(crate) live: usize,
    // Wide enough for as many tasks as can be counted: what was added can be taken away again.
    nano_cpus: i128,
    memory_bytes: i128,
}

impl Load {
    /// The processor time that is reserved, in billionths of a processor.
    pub(crate) fn nano_cpus(&self) -> i64 {
        clamped(self.nano_cpus)
    }

    /// The memory that is reserved.
    pub(crate) fn memory_bytes(&self) -> i64 {
        clamped(self.memory_bytes)
    }

    /// Whether nothing is left of it.
    pub(super) fn is_none(&self) -> bool {
        self.present == 0
    }

    /// Counts a task that is not over.
    pub(super) fn add(&mut self, task: &pb::Task) {
        let reserved = reserved(task);
        self.present += 1;
        self.live += usize::from(is_live(task));
        self.nano_cpus += i128::from(reserved.nano_cpus);
        self.memory_bytes += i128::from(reserved.memory_bytes);
    }

    /// Takes back what was counted.
    pub(super) fn remove(&mut self, task: &pb::Task) {
        let reserved = reserved(task);
        self.present -= 1;
        self.live -= usize::from(is_live(task));
        self.nano_cpus -= i128::from(reserved.nano_cpus);
        self.memory_bytes -= i128::from(reserved.memory_bytes);
    }
}

fn clamped(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
