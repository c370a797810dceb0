//! The flags `--update-*` and `--rollback-*`: how a service is changed.

use clap::Args;
use serde_json::{Value, json};

use super::spec::{at, set};
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

/// How long a task runs on that nothing is balanced to any more.
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// Time between a task leaving the load balancers and its stop signal (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    drain_time: Option<i64>,
}

impl Drain {
    /// Changes the specification's `Shoal`.
    pub(super) fn apply(&self, spec: &mut Value) {
        set(spec, &["Shoal", "DrainTime"], self.drain_time);
    }
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
    /// Changes the specification's `UpdateConfig`.
    pub(super) fn apply(&self, spec: &mut Value) {
        let fields = Fields {
            delay: self.update_delay,
            failure_action: self.update_failure_action.as_deref(),
            max_failure_ratio: self.update_max_failure_ratio,
            monitor: self.update_monitor,
            order: self.update_order.as_deref(),
            parallelism: self.update_parallelism,
        };
        fields.apply(spec, "UpdateConfig");
    }
}

impl Rollback {
    /// Changes the specification's `RollbackConfig`.
    pub(super) fn apply(&self, spec: &mut Value) {
        let fields = Fields {
            delay: self.rollback_delay,
            failure_action: self.rollback_failure_action.as_deref(),
            max_failure_ratio: self.rollback_max_failure_ratio,
            monitor: self.rollback_monitor,
            order: self.rollback_order.as_deref(),
            parallelism: self.rollback_parallelism,
        };
        fields.apply(spec, "RollbackConfig");
    }
}

/// What both kinds of flags set.
#[derive(PartialEq, Default)]
struct Fields<'a> {
    delay: Option<i64>,
    failure_action: Option<&'a str>,
    max_failure_ratio: Option<f32>,
    monitor: Option<i64>,
    order: Option<&'a str>,
    parallelism: Option<u64>,
}

impl Fields<'_> {
    fn apply(&self, spec: &mut Value, name: &str) {
        if *self == Self::default() {
            return;
        }
        let config = at(spec, &[name]);
        if config.is_null() {
            *config = defaults();
        }
        set(config, &["Delay"], self.delay);
        set(config, &["FailureAction"], self.failure_action);
        set(config, &["MaxFailureRatio"], self.max_failure_ratio);
        set(config, &["Monitor"], self.monitor);
        set(config, &["Order"], self.order);
        set(config, &["Parallelism"], self.parallelism);
    }
}

/// Docker's defaults, sent whole as soon as one of the fields is set: the API takes an absent parallelism for "all at once".
fn defaults() -> Value {
    json!({
        "Parallelism": 1,
        "Delay": 0,
        "FailureAction": "pause",
        "Monitor": 5_000_000_000_i64,
        "MaxFailureRatio": 0.0,
        "Order": "stop-first",
    })
}
