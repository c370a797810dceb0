//! The status as a sentence, as `docker ps` shows it: `Up 5 minutes`, `Exited (0) 3 seconds ago`.

use super::{State, Status};
use shim::HealthStatus;

const SECOND_NS: i64 = 1_000_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 365 * DAY;

impl State {
    /// The status in Docker's words; `now_ns` is nanoseconds since the epoch.
    pub fn describe(&self, now_ns: i64) -> String {
        let since = |then: i64| human_duration((now_ns - then) / SECOND_NS);
        match self.status {
            Status::Created => "Created".to_owned(),
            Status::Running => format!("Up {}{}", since(self.started_ns), self.describe_health()),
            Status::Paused => format!("Up {} (Paused)", since(self.started_ns)),
            Status::Restarting => format!("Restarting ({}) {} ago", self.exit_code, since(self.finished_ns)),
            Status::Removing => "Removal In Progress".to_owned(),
            Status::Exited => format!("Exited ({}) {} ago", self.exit_code, since(self.finished_ns)),
            Status::Dead => "Dead".to_owned(),
        }
    }
}

impl State {
    fn describe_health(&self) -> &'static str {
        match self.health.as_ref().map(|health| health.status) {
            None => "",
            Some(HealthStatus::Starting) => " (health: starting)",
            Some(HealthStatus::Healthy) => " (healthy)",
            Some(HealthStatus::Unhealthy) => " (unhealthy)",
        }
    }
}

/// Docker's rounding: one unit, the largest that fits twice or nearly so.
fn human_duration(seconds: i64) -> String {
    match seconds {
        i64::MIN..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..MINUTE => format!("{seconds} seconds"),
        MINUTE..120 => "About a minute".to_owned(),
        120..HOUR => format!("{} minutes", seconds / MINUTE),
        _ => match (seconds + HOUR / 2) / HOUR {
            1 => "About an hour".to_owned(),
            hours @ 2..48 => format!("{hours} hours"),
            _ if seconds < 2 * WEEK => format!("{} days", seconds / DAY),
            _ if seconds < 2 * MONTH => format!("{} weeks", seconds / WEEK),
            _ if seconds < 2 * YEAR => format!("{} months", seconds / MONTH),
            _ => format!("{} years", seconds / YEAR),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_dockers() {
        for (seconds, words) in [
            (-3, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (120, "2 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (2 * HOUR, "2 hours"),
            (47 * HOUR, "47 hours"),
            (48 * HOUR, "2 days"),
            (2 * WEEK, "2 weeks"),
            (2 * MONTH, "2 months"),
            (2 * YEAR, "2 years"),
        ] {
            assert_eq!(human_duration(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn every_status_has_its_sentence() {
        let mut state = State { exit_code: 137, started_ns: 1, finished_ns: 1, ..State::default() };
        let mut words = Vec::new();
        for status in Status::ALL {
            state.status = status;
            words.push(state.describe(4 * SECOND_NS + 1));
        }
        assert_eq!(
            words,
            [
                "Created",
                "Up 4 seconds",
                "Up 4 seconds (Paused)",
                "Restarting (137) 4 seconds ago",
                "Removal In Progress",
                "Exited (137) 4 seconds ago",
                "Dead"
            ]
        );
    }
}
