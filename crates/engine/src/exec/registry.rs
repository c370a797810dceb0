//! All execs, in memory, within a limit. Held under one short lock; nothing here waits or touches a file.

use super::record::ExecRecord;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Execs known at a time, ended ones included.
const LIMIT: usize = 4096;
/// How long an exec that has ended is told of, in nanoseconds. Docker keeps them five to ten minutes.
const KEEP_NS: i64 = 600 * 1_000_000_000;
/// How many more are taken in before those that are too old are looked for again.
const SWEEP_EVERY: usize = 128;

/// The execs of this engine.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    execs: HashMap<String, Arc<ExecRecord>>,
    since_sweep: usize,
}

impl Registry {
    /// Takes in a new one. Returns those that had to go for it: exec id, container id.
    ///
    /// # Errors
    /// [`Error::TooManyExecs`] if there are too many that have not ended.
    pub(crate) fn insert(&self, record: ExecRecord, now_ns: i64) -> Result<Vec<(String, String)>> {
        let mut state = self.state();
        state.since_sweep += 1;
        let full = state.execs.len() >= LIMIT;
        let gone = if full || state.since_sweep >= SWEEP_EVERY { state.sweep(now_ns) } else { Vec::new() };
        if state.execs.len() >= LIMIT {
            return Err(Error::TooManyExecs);
        }
        state.execs.insert(record.id.clone(), Arc::new(record));
        Ok(gone)
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<ExecRecord>> {
        self.state().execs.get(id).cloned()
    }

    /// Changes one, if it is there; what it has become.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut ExecRecord)) -> Option<Arc<ExecRecord>> {
        let mut state = self.state();
        let record = state.execs.get_mut(id)?;
        change(Arc::make_mut(record));
        Some(record.clone())
    }

    /// Marks one as running, which only one caller can.
    ///
    /// # Errors
    /// [`Error::NoSuchExec`], [`Error::ExecRunning`], [`Error::ExecHasRun`]
    pub(crate) fn claim(&self, id: &str) -> Result<Arc<ExecRecord>> {
        let mut state = self.state();
        let record = state.execs.get_mut(id).ok_or_else(|| Error::NoSuchExec(id.to_owned()))?;
        record.check_new()?;
        Arc::make_mut(record).running = true;
        Ok(record.clone())
    }

    /// Those of a container that have not ended.
    pub(crate) fn of_container(&self, container_id: &str) -> Vec<String> {
        let state = self.state();
        let its =
            |record: &&Arc<ExecRecord>| record.container_id == container_id && record.exit_code.is_none();
        let mut ids: Vec<String> = state.execs.values().filter(its).map(|record| record.id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// Forgets those of a container that is gone.
    pub(crate) fn forget_container(&self, container_id: &str) {
        self.state().execs.retain(|_, record| record.container_id != container_id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets go of those that ended too long ago, and if it is full, of the older half of all that have ended.
    fn sweep(&mut self, now_ns: i64) -> Vec<(String, String)> {
        self.since_sweep = 0;
        let mut ends: Vec<i64> = self.ended().map(|record| record.ended_ns).collect();
        let mut before = now_ns - KEEP_NS;
        if self.execs.len() >= LIMIT && !ends.is_empty() {
            ends.sort_unstable();
            before = before.max(ends[ends.len() / 2]);
        }
        let gone: Vec<(String, String)> = self
            .ended()
            .filter(|record| record.ended_ns <= before)
            .map(|record| (record.id.clone(), record.container_id.clone()))
            .collect();
        for (id, _) in &gone {
            self.execs.remove(id);
        }
        gone
    }

    fn ended(&self) -> impl Iterator<Item = &Arc<ExecRecord>> {
        self.execs.values().filter(|record| record.exit_code.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::ExecConfig;

    fn record(number: usize) -> ExecRecord {
        ExecRecord::new(format!("e{number}"), "c".to_owned(), ExecConfig::default())
    }

    #[test]
    fn an_exec_is_started_once() {
        let registry = Registry::default();
        registry.insert(record(1), 0).unwrap();
        assert!(registry.claim("e1").is_ok());
        assert!(matches!(registry.claim("e1"), Err(Error::ExecRunning(_))));
        registry.change("e1", |record| (record.running, record.exit_code) = (false, Some(0)));
        assert!(matches!(registry.claim("e1"), Err(Error::ExecHasRun(_))));
        assert!(matches!(registry.claim("e2"), Err(Error::NoSuchExec(_))));
        assert!(registry.of_container("c").is_empty());
    }

    #[test]
    fn ended_ones_go_with_time_and_for_lack_of_room() {
        let registry = Registry::default();
        for number in 0..LIMIT {
            registry.insert(record(number), 0).unwrap();
        }
        assert!(matches!(registry.insert(record(LIMIT), 0), Err(Error::TooManyExecs)));
        for number in 0..10 {
            registry.change(&format!("e{number}"), |record| {
                (record.exit_code, record.ended_ns) = (Some(0), number as i64 + 1);
            });
        }
        let gone = registry.insert(record(LIMIT), 20).unwrap();
        assert_eq!(gone.len(), 6, "the older ones");
        assert!(registry.get("e0").is_none() && registry.get("e9").is_some());
        for number in 0..SWEEP_EVERY {
            registry.insert(record(LIMIT + 1 + number), KEEP_NS + 20).ok();
        }
        assert!(registry.get("e9").is_none(), "too old");
    }
}
