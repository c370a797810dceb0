//! The flags `--update-*` and `--rollback-*`: how a service is changed.

use clap::Args;
use serde_json::Value;

use super::spec::set;
use crate::flag::{FlagError, choice, duration};

/// `--update-*`.
#[derive(Debug, Args)]
pub(super) struct Update {
    /// Delay between updates (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    update_delay: Option<i64>,
    /// Action on update failure ("pause", "continue", "rollback")
    #[arg(long, value_name = "string", value_parser = update_action)]
    update_failure_action: Option<String>,
    /// Failure rate to tolerate during an update
    #[arg(long, value_name = "float")]
    update_max_failure_ratio: Option<f32>,
    /// Duration after each task update to monitor for failure (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    update_monitor: Option<i64>,
    /// Update order ("start-first", "stop-first")
    #[arg(long, value_name = "string", value_parser = order)]
    update_order: Option<String>,
    /// Maximum number of tasks updated simultaneously (0 to update all at once)
    #[arg(long, value_name = "uint")]
    update_parallelism: Option<u64>,
}

/// `--rollback-*`.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// Delay between task rollbacks (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    rollback_delay: Option<i64>,
    /// Action on rollback failure ("pause", "continue")
    #[arg(long, value_name = "string", value_parser = rollback_action)]
    rollback_failure_action: Option<String>,
    /// Failure rate to tolerate during a rollback
    #[arg(long, value_name = "float")]
    rollback_max_failure_ratio: Option<f32>,
    /// Duration after each task rollback to monitor for failure (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    rollback_monitor: Option<i64>,
    /// Rollback order ("start-first", "stop-first")
    #[arg(long, value_name = "string", value_parser = order)]
    rollback_order: Option<String>,
    /// Maximum number of tasks rolled back simultaneously (0 to roll back all at once)
    #[arg(long, value_name = "uint")]
    rollback_parallelism: Option<u64>,
}

fn update_action(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["pause", "continue", "rollback"], "pause, continue or rollback")
}

fn rollback_action(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["pause", "continue"], "pause or continue")
}

fn order(input: &str) -> Result<String, FlagError> {
    choice::parse(input, &["start-first", "stop-first"], "start-first or stop-first")
}

impl Update {
    /// Changes an `UpdateConfig`.
    pub(super) fn apply(&self, config: &mut Value) {
        set(config, &["Delay"], self.update_delay);
        set(config, &["FailureAction"], self.update_failure_action.as_ref());
        set(config, &["MaxFailureRatio"], self.update_max_failure_ratio);
        set(config, &["Monitor"], self.update_monitor);
        set(config, &["Order"], self.update_order.as_ref());
        set(config, &["Parallelism"], self.update_parallelism);
    }
}

impl Rollback {
    /// Changes a `RollbackConfig`.
    pub(super) fn apply(&self, config: &mut Value) {
        set(config, &["Delay"], self.rollback_delay);
        set(config, &["FailureAction"], self.rollback_failure_action.as_ref());
        set(config, &["MaxFailureRatio"], self.rollback_max_failure_ratio);
        set(config, &["Monitor"], self.rollback_monitor);
        set(config, &["Order"], self.rollback_order.as_ref());
        set(config, &["Parallelism"], self.rollback_parallelism);
    }
}
