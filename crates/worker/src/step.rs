//! The life of one task on its node, as a pure function: where it is and where it should be, to the one
//! next move. The driver makes the move and asks again; a status only ever moves forward.
//!
//! ```text
//!   ASSIGNED ─ Accept → ACCEPTED → PREPARING ─ Prepare → READY ─(goal Running)→ STARTING ─ Start → RUNNING
//!       │                   │           │                  │                       │              │ Watch
//!       └───────────────────┴───────────┴── goal Stopped or Absent: Stop ──────────┴──────────────┤
//!                                                                                                 ▼
//!                              COMPLETE, SHUTDOWN, FAILED, REJECTED: Rest ─(goal Absent)→ Remove
//! ```
//!
//! One road leads back: a task that has ended by itself while no manager can be asked is run again as its next attempt, if
//! [`restart`] says so. A manager that can be asked replaces it instead.

use std::time::Duration;

use swarm_api::pb::{self, RestartCondition, TaskState};

/// Where the managers want the task on this node. Later goals win over earlier ones, never the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// Prepared, and held until told to start.
    Ready,
    /// Running.
    Running,
    /// Stopped, its container kept for its logs.
    Stopped,
    /// No longer assigned: stopped and its container removed.
    Absent,
}

impl Goal {
    /// The goal that a task's desired state means.
    pub fn of(desired: TaskState) -> Goal {
        match desired {
            TaskState::New
            | TaskState::Pending
            | TaskState::Assigned
            | TaskState::Accepted
            | TaskState::Preparing
            | TaskState::Ready => Goal::Ready,
            TaskState::Starting | TaskState::Running | TaskState::Leaving | TaskState::Complete => {
                Goal::Running
            }
            // The record of a task to be REMOVEd goes when it is seen stopped, and the container with it.
            TaskState::Shutdown
            | TaskState::Failed
            | TaskState::Rejected
            | TaskState::Remove
            | TaskState::Orphaned => Goal::Stopped,
        }
    }

    /// Whether the task's container should not run.
    pub fn is_stop(self) -> bool {
        self >= Goal::Stopped
    }
}

/// The one next thing to do for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Say ACCEPTED.
    Accept,
    /// Say PREPARING.
    BeginPrepare,
    /// Prepare the container; READY when done.
    Prepare,
    /// Nothing until the goal changes.
    Hold,
    /// Say STARTING.
    BeginStart,
    /// Start the container; RUNNING when done.
    Start,
    /// Wait for the container's end (COMPLETE or FAILED) or a change of the goal.
    Watch,
    /// Stop the container; SHUTDOWN when done.
    Stop,
    /// The task is over: nothing until it is no longer assigned.
    Rest,
    /// Remove the container; the driver's work is done.
    Remove,
}

/// Whether a task in this state will never run again.
pub fn is_terminal(state: TaskState) -> bool {
    match state {
        TaskState::New
        | TaskState::Pending
        | TaskState::Assigned
        | TaskState::Accepted
        | TaskState::Preparing
        | TaskState::Ready
        | TaskState::Starting
        | TaskState::Running
        | TaskState::Leaving => false,
        TaskState::Complete
        | TaskState::Shutdown
        | TaskState::Failed
        | TaskState::Rejected
        | TaskState::Remove
        | TaskState::Orphaned => true,
    }
}

/// The next move of a task in `state`.
pub fn step(state: TaskState, goal: Goal) -> Move {
    if is_terminal(state) {
        return match goal {
            Goal::Ready | Goal::Running | Goal::Stopped => Move::Rest,
            Goal::Absent => Move::Remove,
        };
    }
    match goal {
        Goal::Stopped | Goal::Absent => Move::Stop,
        Goal::Ready | Goal::Running => advance(state, goal),
    }
}

/// Whether a task that has ended in `state` is run again on this node while no manager can be asked, and how long after its
/// end. `made`: how many of its attempts the policy counts, at the time of its end. A rejected task stays so: this node
/// cannot run it.
pub fn restart(policy: &pb::RestartPolicy, state: TaskState, goal: Goal, made: u64) -> Option<Duration> {
    let ended_itself = match policy.condition() {
        RestartCondition::Any => matches!(state, TaskState::Complete | TaskState::Failed),
        RestartCondition::OnFailure => state == TaskState::Failed,
        RestartCondition::None => false,
    };
    let is_wanted = goal == Goal::Running && ended_itself;
    let may_be_tried = policy.max_attempts == 0 || made < policy.max_attempts;
    let delay = swarm_api::default::duration(policy.delay_ns.unwrap_or(0));
    (is_wanted && may_be_tried).then_some(delay)
}

fn advance(state: TaskState, goal: Goal) -> Move {
    match state {
        TaskState::New | TaskState::Pending | TaskState::Assigned => Move::Accept,
        TaskState::Accepted => Move::BeginPrepare,
        TaskState::Preparing => Move::Prepare,
        TaskState::Ready if goal == Goal::Running => Move::BeginStart,
        TaskState::Ready => Move::Hold,
        // A start that was begun is finished: the goal never falls back from Running.
        TaskState::Starting => Move::Start,
        TaskState::Running | TaskState::Leaving => Move::Watch,
        TaskState::Complete
        | TaskState::Shutdown
        | TaskState::Failed
        | TaskState::Rejected
        | TaskState::Remove
        | TaskState::Orphaned => Move::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOALS: [Goal; 4] = [Goal::Ready, Goal::Running, Goal::Stopped, Goal::Absent];
    const STATES: [TaskState; 14] = [
        TaskState::New,
        TaskState::Pending,
        TaskState::Assigned,
        TaskState::Accepted,
        TaskState::Preparing,
        TaskState::Ready,
        TaskState::Starting,
        TaskState::Running,
        TaskState::Complete,
        TaskState::Shutdown,
        TaskState::Failed,
        TaskState::Rejected,
        TaskState::Remove,
        TaskState::Orphaned,
    ];

    /// The state a move leads to when it succeeds; `None` where nothing is to be done.
    fn result(step: Move) -> Option<TaskState> {
        match step {
            Move::Accept => Some(TaskState::Accepted),
            Move::BeginPrepare => Some(TaskState::Preparing),
            Move::Prepare => Some(TaskState::Ready),
            Move::BeginStart => Some(TaskState::Starting),
            Move::Start => Some(TaskState::Running),
            Move::Stop => Some(TaskState::Shutdown),
            Move::Watch => Some(TaskState::Complete),
            Move::Hold | Move::Rest | Move::Remove => None,
        }
    }

    #[test]
    fn every_move_that_changes_the_state_moves_it_forward() {
        for state in STATES {
            for goal in GOALS {
                if let Some(next) = result(step(state, goal)) {
                    assert!(next > state, "{state:?} towards {goal:?} went to {next:?}");
                }
            }
        }
    }

    #[test]
    fn a_finished_task_never_runs_again() {
        for state in STATES.into_iter().filter(|s| is_terminal(*s)) {
            for goal in GOALS {
                assert!(matches!(step(state, goal), Move::Rest | Move::Remove));
            }
        }
    }

    #[test]
    fn a_ready_task_starts_only_when_told() {
        assert_eq!(step(TaskState::Ready, Goal::Ready), Move::Hold);
        assert_eq!(step(TaskState::Ready, Goal::Running), Move::BeginStart);
    }

    #[test]
    fn only_what_ended_by_itself_and_is_wanted_runs_again() {
        let policy = |condition: RestartCondition, max_attempts| pb::RestartPolicy {
            condition: condition.into(),
            delay_ns: Some(7),
            max_attempts,
            window_ns: 0,
        };
        let delay = Some(Duration::from_nanos(7));
        let any = policy(RestartCondition::Any, 0);
        for state in STATES {
            for goal in GOALS {
                let runs_again =
                    goal == Goal::Running && matches!(state, TaskState::Complete | TaskState::Failed);
                assert_eq!(
                    restart(&any, state, goal, u64::MAX),
                    delay.filter(|_| runs_again),
                    "{state:?} {goal:?}"
                );
            }
        }
        let failure = policy(RestartCondition::OnFailure, 2);
        assert_eq!(restart(&failure, TaskState::Complete, Goal::Running, 0), None);
        assert_eq!(restart(&failure, TaskState::Failed, Goal::Running, 1), delay);
        assert_eq!(restart(&failure, TaskState::Failed, Goal::Running, 2), None);
        let none = policy(RestartCondition::None, 0);
        assert_eq!(restart(&none, TaskState::Failed, Goal::Running, 0), None);
    }

    proptest! {
        #[test]
        fn any_row_of_goals_ends_in_removal_once_absent(goals in proptest::collection::vec(0..4_usize, 0..20)) {
            let mut state = TaskState::Assigned;
            for goal in goals {
                if let Some(next) = result(step(state, GOALS[goal])) {
                    state = next;
                }
            }
            for _ in 0..STATES.len() {
                if let Some(next) = result(step(state, Goal::Absent)) {
                    state = next;
                }
            }
            prop_assert_eq!(step(state, Goal::Absent), Move::Remove);
        }
    }
}
