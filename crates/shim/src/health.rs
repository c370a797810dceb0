//! Health of a container, as the engine and the shim speak of it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Results kept, as Docker keeps them.
pub const MAX_RESULTS: usize = 5;
/// Bytes of a probe's output that are kept, as Docker keeps them.
pub const MAX_OUTPUT_BYTES: usize = 4096;

/// How health is probed. All times are in nanoseconds; none is 0 but the start period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSpec {
    /// What is done.
    pub probe: Probe,
    /// Between the end of a probe and the next.
    pub interval_ns: u64,
    /// A probe that takes longer has failed.
    pub timeout_ns: u64,
    /// Failures in a row until it is unhealthy.
    pub retries: u32,
    /// Failures so soon after the start do not count, until one probe has succeeded.
    pub start_period_ns: u64,
    /// The interval within the start period.
    pub start_interval_ns: u64,
}

/// What is done to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Run a program; healthy if its exit code is 0.
    Exec {
        /// Program and arguments.
        args: Vec<String>,
    },
    /// Ask for a page from inside the container's network namespace; healthy with a status from 200 to 399.
    Http {
        /// Where.
        address: SocketAddr,
        /// Begins with a slash.
        path: String,
    },
    /// Connect from inside the container's network namespace; healthy if that is accepted.
    Tcp {
        /// Where.
        address: SocketAddr,
    },
}

/// Docker's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// No probe has succeeded, nor have enough failed.
    #[default]
    Starting,
    /// The last probe succeeded, or not enough have failed since one did.
    Healthy,
    /// Too many have failed in a row.
    Unhealthy,
}

/// What has been found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Grows with each result.
    pub sequence: u64,
    /// What follows from them.
    pub status: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last [`MAX_RESULTS`], the newest last.
    pub results: Vec<ProbeResult>,
}

/// What one probe has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// In nanoseconds since the epoch.
    pub start_ns: i64,
    /// In nanoseconds since the epoch.
    pub end_ns: i64,
    /// 0: healthy; -1: it could not be probed, or not in time.
    pub exit_code: i32,
    /// What it said, at most [`MAX_OUTPUT_BYTES`] and three dots.
    pub output: String,
}

impl HealthReport {
    /// Adds a result. `since_start_ns`: how long after the container's start the probe began.
    ///
    /// The rules are Docker's: one success makes healthy; failures count unless nothing has succeeded yet and the start
    /// period is not over.
    pub fn add(&mut self, result: ProbeResult, spec: &HealthSpec, since_start_ns: u64) {
        if result.exit_code == 0 {
            self.failing_streak = 0;
            self.status = HealthStatus::Healthy;
        } else if self.status != HealthStatus::Starting || since_start_ns >= spec.start_period_ns {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= spec.retries {
                self.status = HealthStatus::Unhealthy;
            }
        }
        if self.results.len() >= MAX_RESULTS {
            self.results.remove(0);
        }
        self.results.push(result);
        self.sequence += 1;
    }

    /// How long to wait for the next probe.
    pub fn pause_ns(&self, spec: &HealthSpec, since_start_ns: u64) -> u64 {
        if self.status == HealthStatus::Starting && since_start_ns < spec.start_period_ns {
            spec.start_interval_ns
        } else {
            spec.interval_ns
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn spec() -> HealthSpec {
        HealthSpec {
            probe: Probe::Exec { args: vec!["true".into()] },
            interval_ns: 30 * SECOND,
            timeout_ns: SECOND,
            retries: 2,
            start_period_ns: 10 * SECOND,
            start_interval_ns: SECOND,
        }
    }

    fn result(exit_code: i32) -> ProbeResult {
        ProbeResult { start_ns: 0, end_ns: 0, exit_code, output: String::new() }
    }

    #[test]
    fn failures_count_after_the_start_period_or_a_success() {
        let (mut report, spec) = (HealthReport::default(), spec());
        assert_eq!(report.pause_ns(&spec, 0), SECOND);
        for _ in 0..10 {
            report.add(result(1), &spec, 9 * SECOND);
        }
        assert_eq!((report.status, report.failing_streak), (HealthStatus::Starting, 0));
        assert_eq!((report.results.len(), report.sequence), (MAX_RESULTS, 10));
        report.add(result(0), &spec, 9 * SECOND);
        assert_eq!(report.status, HealthStatus::Healthy);
        assert_eq!(report.pause_ns(&spec, 0), 30 * SECOND, "the start is over with the first success");
        report.add(result(1), &spec, 9 * SECOND);
        assert_eq!((report.status, report.failing_streak), (HealthStatus::Healthy, 1));
        report.add(result(-1), &spec, 9 * SECOND);
        assert_eq!(report.status, HealthStatus::Unhealthy);
        report.add(result(0), &spec, 99 * SECOND);
        assert_eq!((report.status, report.failing_streak), (HealthStatus::Healthy, 0));
    }

    #[test]
    fn without_a_start_period_failures_count_at_once() {
        let (mut report, mut spec) = (HealthReport::default(), spec());
        spec.start_period_ns = 0;
        report.add(result(1), &spec, 0);
        report.add(result(1), &spec, 0);
        assert_eq!(report.status, HealthStatus::Unhealthy);
    }
}
