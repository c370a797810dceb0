//! All additional processes of the container: those that run, and how the last ones ended.

use std::collections::VecDeque;

use ::shim::{ExecSpec, ExecState, ExitStatus};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::exec::{Exec, Place};
use crate::{Failure, time};

/// Additional processes at a time; one more is refused.
pub(crate) const MAX_RUNNING: usize = 128;
/// Ended ones whose exit code is still told, to a daemon that was away.
const MAX_ENDED: usize = 64;
/// Reaped strangers that are remembered.
const MAX_STRANGERS: usize = 1024;
/// The exit code of a process whose end nobody saw; Docker's.
const EXIT_LOST: i32 = 255;

/// The additional processes.
#[derive(Default)]
pub(crate) struct Execs {
    pub(crate) running: Vec<Exec>,
    ended: VecDeque<ExecState>,
    next: u32,
    /// Strangers that were reaped while another runtime was starting a process: it may be that one, which has ended before
    /// anybody knew its number.
    strangers: VecDeque<(i32, ExitStatus)>,
}

impl Execs {
    /// Whether one more may run.
    pub(crate) fn has_room(&self) -> bool {
        self.running.len() < MAX_RUNNING
    }

    /// Begins one; its number.
    pub(crate) fn begin(&mut self, spec: ExecSpec, place: &Place<'_>) -> Result<u32, Failure> {
        let number = self.next;
        self.running.push(Exec::begin(spec, number, place)?);
        self.next = self.next.wrapping_add(1);
        Ok(number)
    }

    /// Begins one that probes the container's health; its number.
    pub(crate) fn begin_probe(&mut self, spec: ExecSpec, place: &Place<'_>) -> Result<u32, Failure> {
        let number = self.begin(spec, place)?;
        if let Some(exec) = self.get(number) {
            exec.is_probe = true;
        }
        Ok(number)
    }

    pub(crate) fn get(&mut self, number: u32) -> Option<&mut Exec> {
        self.running.iter_mut().find(|exec| exec.number == number)
    }

    /// Whether more may be read for its standard input.
    pub(crate) fn has_input_room(&self, number: u32) -> bool {
        self.running.iter().find(|exec| exec.number == number).is_none_or(|exec| exec.input.has_room())
    }

    /// The one that runs and has this id.
    pub(crate) fn by_id(&mut self, id: &str) -> Option<&mut Exec> {
        self.running.iter_mut().find(|exec| exec.spec.id == id && !exec.is_probe)
    }

    /// How the one with this id ended, if it has.
    pub(crate) fn exit_of(&self, id: &str) -> Option<ExitStatus> {
        self.ended.iter().rev().find(|exec| exec.id == id)?.exit
    }

    /// The process `pid` has been reaped.
    pub(crate) fn reaped(&mut self, pid: i32, exit: ExitStatus) {
        let mut starting = self.running.iter_mut().filter_map(Exec::starting).peekable();
        let starts = starting.peek().is_some();
        if starting.any(|call| call.reaped(pid, exit.code == 0)) {
            return;
        }
        match self.running.iter_mut().find(|exec| exec.pid == pid && exec.is_known()) {
            Some(exec) => exec.end(exit),
            None if starts => {
                if self.strangers.len() == MAX_STRANGERS {
                    self.strangers.pop_front();
                }
                self.strangers.push_back((pid, exit));
            }
            None => {}
        }
    }

    /// The number of a process that another runtime has made is known: it may have ended before.
    pub(crate) fn recognize(&mut self, number: u32) {
        let strangers = &self.strangers;
        let unsettled = |exec: &&mut Exec| exec.number == number && exec.exit.is_none();
        let Some(exec) = self.running.iter_mut().find(unsettled) else { return };
        if let Some((_, exit)) = strangers.iter().rev().find(|(pid, _)| *pid == exec.pid) {
            exec.end(*exit);
        } else if kill(Pid::from_raw(exec.pid), None) == Err(nix::Error::ESRCH) {
            // Nobody will ever tell.
            exec.end(ExitStatus {
                code: EXIT_LOST,
                signal: None,
                oom_killed: false,
                checkpointed: false,
                at_ns: time::now_ns(),
            });
        }
        if !self.running.iter_mut().any(|exec| exec.starting().is_some()) {
            self.strangers.clear();
        }
    }

    /// Takes out the one that is done with; remembered if its program has run.
    pub(crate) fn remove(&mut self, number: u32, remember: bool) {
        let Some(index) = self.running.iter().position(|exec| exec.number == number) else {
            return;
        };
        let exec = self.running.remove(index);
        if remember {
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(exec.state());
        }
    }

    /// The container has ended, and they end with it.
    pub(crate) fn kill_all(&mut self) {
        self.running.iter_mut().for_each(Exec::kill);
    }

    pub(crate) fn states(&self) -> Vec<ExecState> {
        let running =
            self.running.iter().filter(|exec| exec.executing.is_none() && !exec.is_probe).map(Exec::state);
        self.ended.iter().cloned().chain(running).collect()
    }
}
