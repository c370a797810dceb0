//! The prober's state: when the next probe is due, how far the present one is, what has been found out.

use std::time::{Duration, Instant};

use ::shim::{HealthReport, HealthSpec, MAX_OUTPUT_BYTES, ProbeResult};

use crate::dialog::Dialog;
use crate::time;

/// Exit code of a probe that could not be made, or took too long.
pub(crate) const EXIT_UNKNOWN: i32 = -1;

/// Health of the container.
pub(crate) struct Health {
    pub(crate) spec: HealthSpec,
    pub(crate) report: HealthReport,
    pub(crate) probing: Option<Probing>,
    started: Instant,
    /// `None`: the container does not run, or a probe does.
    next: Option<Instant>,
}

/// A probe under way.
pub(crate) struct Probing {
    pub(crate) kind: Kind,
    pub(crate) deadline: Instant,
    /// Its time is over and its process is being killed.
    pub(crate) overdue: bool,
    began: Instant,
    began_ns: i64,
    output: Vec<u8>,
    is_cut: bool,
}

/// How it is made.
pub(crate) enum Kind {
    /// By the additional process with this number.
    Exec(u32),
    /// By a connection.
    Dialog(Dialog),
}

impl Health {
    pub(crate) fn new(spec: HealthSpec) -> Health {
        let report = HealthReport::default();
        Health { spec, report, probing: None, started: Instant::now(), next: None }
    }

    /// The container runs from now on.
    pub(crate) fn start(&mut self) {
        self.started = Instant::now();
        self.schedule();
    }

    /// The container runs no more.
    pub(crate) fn stop(&mut self) {
        self.probing = None;
        self.next = None;
    }

    /// Whether the next probe is due.
    pub(crate) fn is_due(&self) -> bool {
        self.next.is_some_and(|next| next <= Instant::now())
    }

    /// Whether the present probe has taken too long.
    pub(crate) fn is_late(&self) -> bool {
        self.probing.as_ref().is_some_and(|probing| !probing.overdue && probing.deadline <= Instant::now())
    }

    /// When something is to be done.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.probing {
            Some(probing) => Some(probing.deadline).filter(|_| !probing.overdue),
            None => self.next,
        }
    }

    /// The next probe comes an interval from now.
    pub(crate) fn schedule(&mut self) {
        let pause = self.report.pause_ns(&self.spec, since(self.started, Instant::now()));
        self.next = Instant::now().checked_add(Duration::from_nanos(pause));
    }

    /// A probe has begun.
    pub(crate) fn begin(&mut self, kind: Kind) {
        let began = Instant::now();
        self.next = None;
        self.probing = Some(Probing {
            kind,
            deadline: began + Duration::from_nanos(self.spec.timeout_ns),
            overdue: false,
            began,
            began_ns: time::now_ns(),
            output: Vec::new(),
            is_cut: false,
        });
    }

    /// What the present probe says.
    pub(crate) fn capture(&mut self, bytes: &[u8]) {
        if let Some(probing) = &mut self.probing {
            let room = MAX_OUTPUT_BYTES - probing.output.len();
            probing.is_cut |= bytes.len() > room;
            probing.output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// The present probe, or one that could not even begin, has come to this.
    pub(crate) fn settle(&mut self, exit_code: i32, sentence: Option<String>) {
        let probing = self.probing.take();
        let (began, start_ns) =
            probing.as_ref().map_or((Instant::now(), time::now_ns()), |p| (p.began, p.began_ns));
        let said = probing.as_ref().map(Probing::said).unwrap_or_default();
        let late = probing.is_some_and(|probing| probing.overdue);
        let (exit_code, output) = match sentence {
            _ if late => (EXIT_UNKNOWN, self.late(&said)),
            Some(sentence) => (exit_code, sentence),
            None => (exit_code, said),
        };
        let result = ProbeResult { start_ns, end_ns: time::now_ns(), exit_code, output };
        self.report.add(result, &self.spec, since(self.started, began));
        self.schedule();
    }

    fn late(&self, said: &str) -> String {
        let limit = go_duration(self.spec.timeout_ns);
        match said {
            "" => format!("Health check exceeded timeout ({limit})"),
            said => format!("Health check exceeded timeout ({limit}): {said}"),
        }
    }
}

impl Probing {
    fn said(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.output).into_owned();
        if self.is_cut {
            text.push_str("...");
        }
        text
    }
}

fn since(start: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

/// As Go, and so Docker, writes a duration: `1m30s`, `1.5s`, `100ms`.
fn go_duration(ns: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let fraction = |whole: u64, rest: u64, digits: usize, unit: &str| {
        let rest = format!("{rest:0digits$}");
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        format!("{whole}{point}{rest}{unit}")
    };
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => fraction(ns / 1_000, ns % 1_000, 3, "µs"),
        1_000_000..SECOND => fraction(ns / 1_000_000, ns % 1_000_000, 6, "ms"),
        _ => {
            let (minutes, seconds) = (ns / (60 * SECOND), ns % (60 * SECOND));
            let seconds = fraction(seconds / SECOND, seconds % SECOND, 9, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (ns, text) in [
            (0, "0s"),
            (1_500, "1.5µs"),
            (100_000_000, "100ms"),
            (1_500_000_000, "1.5s"),
            (30_000_000_000, "30s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(ns), text);
        }
    }
}
