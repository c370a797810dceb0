//! How a service is changed, and how far its last change has come.

use engine_api::Timestamp;
use engine_api::swarm::{UpdateConfig, UpdateStatus};
use time::OffsetDateTime;

use crate::format::unit;

/// What became of the last change.
pub(super) fn status(status: &UpdateStatus, now: OffsetDateTime) -> Vec<String> {
    if status.state.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["UpdateStatus:".to_owned(), format!(" State:\t\t{}", status.state)];
    for (name, moment) in [("Started", status.started_at), ("Completed", status.completed_at)] {
        lines.extend(ago(moment, now).map(|ago| format!(" {name}:\t{ago}")));
    }
    lines.push(format!(" Message:\t{}", status.message));
    lines
}

fn ago(moment: Timestamp, now: OffsetDateTime) -> Option<String> {
    if moment.is_never() {
        return None;
    }
    let then = OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.ns()?)).ok()?;
    Some(unit::ago(then, now))
}

/// How tasks are replaced; `kind` is `Update` or `Rollback`.
pub(super) fn config(kind: &str, config: &UpdateConfig) -> String {
    let mut text = format!("{kind}Config:\n Parallelism:\t{}", config.parallelism);
    if config.delay > 0 {
        text.push_str(&format!("\n Delay:\t\t{}", unit::go_duration(config.delay)));
    }
    if !config.failure_action.is_empty() {
        text.push_str(&format!("\n On failure:\t{}", config.failure_action));
    }
    if config.monitor > 0 {
        text.push_str(&format!("\n Monitoring Period: {}", unit::go_duration(config.monitor)));
    }
    text.push_str(&format!("\n Max failure ratio: {}", config.max_failure_ratio));
    if !config.order.is_empty() {
        let name = format!("{kind} order:");
        text.push_str(&format!("\n {name:<18} {}", config.order));
    }
    text
}
