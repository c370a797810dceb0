//! What becomes of a task that has ended: it rests, or, where no manager can be asked, runs again by its own policy.

use std::time::Duration;

use swarm_api::default;
use swarm_api::pb::{self, TaskState};

use super::{Driver, changed};
use crate::clock::now_ns;
use crate::journal::Entry;
use crate::step::{Goal, restart};

/// A task is not run again sooner after its end, whatever its policy says.
const RESTART_MIN: Duration = Duration::from_millis(100);
/// Times of attempts kept, for policies that count them within a window.
const ATTEMPTS: usize = 1024;

impl Driver {
    /// Waits for another goal, or, where no manager can be asked, for the time to run the task again.
    pub(super) async fn rest(&mut self, goal: Goal) {
        let policy = self.policy();
        let made = self.made(&policy);
        let Some(delay) = restart(&policy, self.status.state(), goal, made) else {
            return changed(&mut self.goal).await;
        };
        let earliest = self.ended_at + delay.max(RESTART_MIN);
        let mut solitude = self.shared.solitude.clone();
        tokio::select! {
            biased;
            () = changed(&mut self.goal) => {}
            () = solitude.until(earliest) => self.run_again(&policy).await,
        }
    }

    /// Makes the task's next attempt: its old container goes, and it is prepared as if it were new. What is journalled when
    /// the daemon dies here is either the end of the last attempt, with no container, or the next attempt, with a new one.
    async fn run_again(&mut self, policy: &pb::RestartPolicy) {
        self.controller = None;
        if let Err(error) = self.shared.executor.remove(&self.task.id).await {
            tracing::warn!(%error, "container of an ended task stays for now");
            let delay = self.backoff.next_delay();
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = changed(&mut self.goal) => {}
            }
            return;
        }
        if *self.goal.borrow() != Goal::Running {
            return;
        }
        let mut entries = Vec::new();
        if policy.max_attempts > 0 && policy.window_ns > 0 {
            if self.attempts.len() >= ATTEMPTS {
                self.attempts.pop_front();
            }
            self.attempts.push_back(now_ns());
            entries.push(Entry::Attempts(self.task.id.clone(), self.attempts.iter().copied().collect()));
        }
        let attempt = self.status.attempt.saturating_add(1);
        tracing::info!(attempt, "no manager can be asked, the task is run again");
        self.status = pb::TaskStatus { attempt, timestamp_ns: now_ns(), ..Default::default() };
        self.status.set_state(TaskState::Preparing);
        entries.push(Entry::Status(self.task.id.clone(), self.status.clone()));
        if let Err(error) = self.shared.journal.write(entries).await {
            // A daemon that dies now runs the task once more.
            tracing::error!(%error, "an attempt of a task is not journalled");
        }
        self.enter(TaskState::Preparing, "preparing").await;
    }

    fn policy(&self) -> pb::RestartPolicy {
        self.task.spec.as_ref().map_or_else(|| default::restart(&pb::TaskSpec::default()), default::restart)
    }

    /// The attempts that count for the task's last end. They outlive the daemon, so their times are the machine's: one that was set
    /// back since lets an attempt count for longer.
    fn made(&self, policy: &pb::RestartPolicy) -> u64 {
        if policy.window_ns <= 0 {
            return self.status.attempt;
        }
        let within = |at: &&i64| self.ended_ns.saturating_sub(**at) <= policy.window_ns;
        self.attempts.iter().filter(within).map(|_| 1).sum()
    }
}
