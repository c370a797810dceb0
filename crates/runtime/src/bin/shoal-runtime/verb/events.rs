//! `events`: a container's counters at an interval, and each time memory runs out, as lines of JSON in runc's shape.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use runtime::cgroup::{Amount, BlockIoEntry, Cgroup, OomAlarm, Stats, Version};
use serde_json::{Value, json};

use crate::arguments::{Verb, Words, option, switch};
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::global::Global;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// Version 2 tells nobody when a group is removed: it is looked at, at the least, this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) const VERB: Verb = Verb {
    name: "events",
    usage: "ID",
    about: "show a container's counters and when its memory runs out",
    flags: &[
        option(&["--interval"], "DURATION", "time between counters: 5s, 500ms, 1m"),
        switch(&["--stats"], "show the counters once"),
    ],
    words: (1, 1),
    options_end_after: usize::MAX,
    run: events,
};

fn events(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::find(global, &words.plain[0])?;
    let interval = words.value("--interval").map_or(Ok(DEFAULT_INTERVAL), duration)?;
    if !container.status().is_alive() {
        return Err(Failure::NotRunning);
    }
    let cgroup = container.state.cgroup()?;
    if words.has("--stats") {
        tell(&container.id, "stats", Some(stats(&cgroup.stats()?)))?;
        return Ok(0);
    }
    follow(&container, &cgroup, interval)?;
    Ok(0)
}

fn follow(container: &Container, cgroup: &Cgroup, interval: Duration) -> Outcome<()> {
    let mut lack = Lack { alarm: cgroup.watch_oom()?, kills: cgroup.oom_kills() };
    let mut next = Instant::now() + interval;
    while container.status().is_alive() {
        let pause = next.saturating_duration_since(Instant::now()).min(LOOK_EVERY);
        if lack.wait(cgroup, pause)? {
            tell(&container.id, "oom", None)?;
        }
        if Instant::now() >= next {
            next += interval;
            match cgroup.stats() {
                Err(_) if !container.status().is_alive() => {}
                stats_now => tell(&container.id, "stats", Some(stats(&stats_now?)))?,
            }
        }
    }
    // What ended it may be what was to be told.
    if lack.wait(cgroup, Duration::ZERO)? {
        tell(&container.id, "oom", None)?;
    }
    Ok(())
}

/// Lack of memory, and how much of it has been told.
struct Lack {
    alarm: OomAlarm,
    kills: u64,
}

impl Lack {
    /// Waits so long at most; whether memory has run out since the last call.
    fn wait(&mut self, cgroup: &Cgroup, pause: Duration) -> Outcome<bool> {
        let mut fds = [PollFd::new(self.alarm.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(pause).unwrap_or(PollTimeout::ZERO);
        let alarmed = match poll(&mut fds, timeout) {
            Ok(ready) => ready > 0,
            Err(Errno::EINTR) => false,
            Err(error) => return Err(Failure::file("poll")(error.into())),
        };
        if alarmed {
            self.alarm.clear();
        }
        if cgroup.version() == Version::V1 {
            // Before the killer counts; also when the group is removed.
            return Ok(alarmed && cgroup.exists());
        }
        let before = std::mem::replace(&mut self.kills, cgroup.oom_kills());
        Ok(self.kills > before)
    }
}

fn tell(id: &str, typ: &str, data: Option<Value>) -> Outcome<()> {
    let mut line = json!({"type": typ, "id": id});
    if let Some(data) = data {
        line["data"] = data;
    }
    writeln!(io::stdout(), "{line}").map_err(Failure::file("standard output"))
}

/// As Go writes durations, with one unit; a bare number is seconds.
fn duration(text: &str) -> Outcome<Duration> {
    let refused = || Failure::Usage(format!("--interval is a duration greater than 0, not {text:?}"));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(refused()),
    };
    let number: f64 = number.parse().map_err(|_| refused())?;
    Duration::try_from_secs_f64(number * seconds).ok().filter(|d| !d.is_zero()).ok_or_else(refused)
}

/// In runc's shape, which cAdvisor and others read.
fn stats(stats: &Stats) -> Value {
    let cpu = &stats.cpu;
    let memory = &stats.memory;
    let swap = memory.swap.clone().unwrap_or_default();
    let cache = ["total_cache", "cache", "file"].iter().find_map(|name| memory.stat.get(*name));
    json!({
        "cpu": {
            "usage": {
                "total": cpu.total_ns,
                "percpu": cpu.per_cpu_ns,
                "kernel": cpu.system_ns,
                "user": cpu.user_ns,
            },
            "throttling": {
                "periods": cpu.periods,
                "throttledPeriods": cpu.throttled_periods,
                "throttledTime": cpu.throttled_ns,
            },
        },
        "memory": {
            "cache": cache.copied().unwrap_or(0),
            "usage": amount(&memory.used),
            "swap": amount(&swap),
            "kernel": amount(&memory.kernel),
            "kernelTCP": amount(&memory.kernel_tcp),
            "raw": memory.stat,
        },
        "pids": {"current": stats.pids.current, "limit": stats.pids.limit.unwrap_or(0)},
        "blkio": {
            "ioServiceBytesRecursive": entries(&stats.block_io.bytes),
            "ioServicedRecursive": entries(&stats.block_io.operations),
        },
        "hugetlb": stats.huge_pages.iter().map(|(size, pages)| {
            (size.clone(), json!({"usage": pages.bytes, "max": pages.max_bytes, "failcnt": pages.failures}))
        }).collect::<serde_json::Map<_, _>>(),
    })
}

fn amount(amount: &Amount) -> Value {
    json!({
        "limit": amount.limit_bytes.unwrap_or(u64::MAX),
        "usage": amount.bytes,
        "max": amount.max_bytes,
        "failcnt": amount.failures,
    })
}

fn entries(entries: &[BlockIoEntry]) -> Vec<Value> {
    let entry =
        |e: &BlockIoEntry| json!({"major": e.major, "minor": e.minor, "op": e.operation, "value": e.value});
    entries.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(duration("5s").unwrap(), Duration::from_secs(5));
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("1.5m").unwrap(), Duration::from_secs(90));
        for text in ["", "0s", "-1s", "5 s", "5d", "1e400s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
