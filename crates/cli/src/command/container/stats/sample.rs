//! What the columns of `stats` say, from the daemon's counters. Pure; the arithmetic is that of Docker's client.

use serde_json::Value;

use crate::format::unit;

/// One look at a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) id: String,
    pub(super) name: String,
    /// Of one processor.
    cpu_percent: f64,
    /// Bytes without the cache that could be dropped at once.
    memory: u64,
    limit: u64,
    received: u64,
    sent: u64,
    read: u64,
    written: u64,
    processes: u64,
}

impl Sample {
    /// Reads the daemon's answer.
    pub(super) fn of(stats: &Value) -> Self {
        let networks = stats["networks"].as_object();
        let sum = |name: &str| {
            networks.map_or(0, |all| all.values().map(|net| number(&net[name])).fold(0, u64::saturating_add))
        };
        let text = |name: &str| stats[name].as_str().unwrap_or_default();
        Self {
            id: text("id").to_owned(),
            name: text("name").trim_start_matches('/').to_owned(),
            cpu_percent: cpu_percent(stats),
            memory: memory(&stats["memory_stats"]),
            limit: number(&stats["memory_stats"]["limit"]),
            received: sum("rx_bytes"),
            sent: sum("tx_bytes"),
            read: blocks(stats, 'r'),
            written: blocks(stats, 'w'),
            processes: number(&stats["pids_stats"]["current"]),
        }
    }

    pub(super) fn cpu(&self) -> String {
        format!("{:.2}%", self.cpu_percent)
    }

    pub(super) fn memory(&self) -> String {
        format!("{} / {}", unit::memory(self.memory), unit::memory(self.limit))
    }

    pub(super) fn memory_share(&self) -> String {
        let share = if self.limit == 0 { 0.0 } else { self.memory as f64 / self.limit as f64 * 100.0 };
        format!("{share:.2}%")
    }

    pub(super) fn network(&self) -> String {
        format!("{} / {}", unit::size_short(self.received), unit::size_short(self.sent))
    }

    pub(super) fn blocks(&self) -> String {
        format!("{} / {}", unit::size_short(self.read), unit::size_short(self.written))
    }

    pub(super) fn processes(&self) -> String {
        self.processes.to_string()
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// The container's share of the machine's time between two looks, times the processors.
fn cpu_percent(stats: &Value) -> f64 {
    let (now, before) = (&stats["cpu_stats"], &stats["precpu_stats"]);
    let used = |at: &Value| number(&at["cpu_usage"]["total_usage"]);
    let system = |at: &Value| number(&at["system_cpu_usage"]);
    let own = used(now).saturating_sub(used(before)) as f64;
    let all = system(now).saturating_sub(system(before)) as f64;
    let processors = match number(&now["online_cpus"]) {
        0 => now["cpu_usage"]["percpu_usage"].as_array().map_or(0, Vec::len) as f64,
        online => online as f64,
    };
    if own > 0.0 && all > 0.0 { own / all * processors * 100.0 } else { 0.0 }
}

/// Usage without inactive file pages, which cgroup v1 and v2 name differently.
fn memory(stats: &Value) -> u64 {
    let usage = number(&stats["usage"]);
    let details = &stats["stats"];
    for name in ["total_inactive_file", "inactive_file"] {
        if let Some(cache) = details[name].as_u64() {
            return if cache < usage { usage - cache } else { usage };
        }
    }
    usage
}

/// Bytes read or written, by the first letter of the operation, which is written differently by cgroup v1 and v2.
fn blocks(stats: &Value, letter: char) -> u64 {
    let entries = stats["blkio_stats"]["io_service_bytes_recursive"].as_array().into_iter().flatten();
    entries
        .filter(|entry| entry["op"].as_str().is_some_and(|op| op.to_ascii_lowercase().starts_with(letter)))
        .map(|entry| number(&entry["value"]))
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dockers_arithmetic() {
        let stats = json!({
            "id": "abc", "name": "/web",
            "cpu_stats": {"cpu_usage": {"total_usage": 150}, "system_cpu_usage": 1000, "online_cpus": 4},
            "precpu_stats": {"cpu_usage": {"total_usage": 50}, "system_cpu_usage": 200},
            "memory_stats": {"usage": 3 << 20, "limit": 8 << 20, "stats": {"inactive_file": 1 << 20}},
            "networks": {"eth0": {"rx_bytes": 1000, "tx_bytes": 1}, "eth1": {"rx_bytes": 500, "tx_bytes": 1}},
            "blkio_stats": {"io_service_bytes_recursive": [
                {"op": "Read", "value": 4096}, {"op": "write", "value": 10}, {"op": "Total", "value": 9}]},
            "pids_stats": {"current": 3},
        });
        let sample = Sample::of(&stats);
        assert_eq!((sample.id.as_str(), sample.name.as_str()), ("abc", "web"));
        assert_eq!(sample.cpu(), "50.00%");
        assert_eq!(sample.memory(), "2MiB / 8MiB");
        assert_eq!(sample.memory_share(), "25.00%");
        assert_eq!(sample.network(), "1.5kB / 2B");
        assert_eq!(sample.blocks(), "4.1kB / 10B");
        assert_eq!(sample.processes(), "3");
    }

    #[test]
    fn nothing_is_zero() {
        let sample = Sample::of(&json!({"memory_stats": {"usage": 5, "stats": {"total_inactive_file": 9}}}));
        assert_eq!((sample.cpu(), sample.memory_share()), ("0.00%".to_owned(), "0.00%".to_owned()));
        assert_eq!(sample.memory(), "5B / 0B");
    }
}
