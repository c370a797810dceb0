//! Health checks and what they find, both ways.

use engine::spec::Healthcheck;
use engine::{HealthReport, health_word};
use engine_api::Timestamp;
use engine_api::container as api;

pub(super) fn asked(check: api::Healthcheck) -> Healthcheck {
    let api::Healthcheck { test, interval, timeout, start_period, start_interval, retries } = check;
    Healthcheck { test, interval, timeout, start_period, start_interval, retries }
}

pub(super) fn told(check: &Healthcheck) -> api::Healthcheck {
    let Healthcheck { test, interval, timeout, start_period, start_interval, retries } = check.clone();
    api::Healthcheck { test, interval, timeout, start_period, start_interval, retries }
}

/// What inspect tells.
pub(super) fn found(report: &HealthReport) -> api::Health {
    let result = |result: &engine::ProbeResult| api::HealthResult {
        start: Timestamp::from_ns(result.start_ns),
        end: Timestamp::from_ns(result.end_ns),
        exit_code: result.exit_code,
        output: result.output.clone(),
    };
    api::Health {
        status: health_word(report.status).to_owned(),
        failing_streak: i64::from(report.failing_streak),
        log: report.results.iter().map(result).collect(),
    }
}

/// What a list tells.
pub(super) fn summary(report: Option<&HealthReport>) -> api::HealthSummary {
    api::HealthSummary {
        status: report.map_or("none", |report| health_word(report.status)).to_owned(),
        failing_streak: report.map_or(0, |report| i64::from(report.failing_streak)),
    }
}
